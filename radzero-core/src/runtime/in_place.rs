//! A run that reads and writes the caller's memory.

use std::ffi::CStr;
use std::fmt::Debug;

use ndarray::{ArrayView4, ArrayViewMut3};
use ort::AsPointer as _;
use ort::session::{RunOptions, Session};
use ort::value::{PrimitiveTensorElementType, TensorRef, TensorRefMut};

/// Runs a session with one input and one output, into `output`, whose shape must be what the graph computes.
///
/// Both are passed as ordinary host memory, even if they are page-locked: ONNX Runtime 1.31 fails if the output is declared
/// page-locked, because it tries to copy it onto itself. `ort` has no call that fills part of a buffer.
pub(super) fn run<T: PrimitiveTensorElementType + Debug + Clone + 'static>(
    session: &mut Session,
    options: &RunOptions,
    (input_name, input): (&CStr, ArrayView4<'_, u8>),
    (output_name, output): (&CStr, ArrayViewMut3<'_, T>),
) -> ort::Result<()> {
    let input = TensorRef::from_array_view(input)?;
    let output = TensorRefMut::from_array_view_mut(output)?;
    let (input_names, inputs) = ([input_name.as_ptr()], [input.ptr()]);
    let (output_names, mut outputs) = ([output_name.as_ptr()], [output.ptr().cast_mut()]);
    // SAFETY: session, options, both values and all names outlive the call. Each list has one entry, as the counts say. The session and
    // the output are borrowed mutably, so nothing else uses them; the input is only read. A successful run has waited for the device's
    // copies; after a failed one, the caller sets the buffers aside. As the output is not null, ONNX Runtime fills it or fails.
    let status = unsafe {
        (ort::api().Run)(
            session.ptr_mut(),
            options.ptr(),
            input_names.as_ptr(),
            inputs.as_ptr(),
            1,
            output_names.as_ptr(),
            1,
            outputs.as_mut_ptr(),
        )
    };
    // SAFETY: ONNX Runtime has just returned this status; ort takes ownership and releases it.
    unsafe { ort::Error::result_from_status(status) }
}
