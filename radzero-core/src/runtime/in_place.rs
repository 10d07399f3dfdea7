//! A run from memory to memory.

use std::ffi::CStr;

use ndarray::{ArrayView4, ArrayViewMut3};
use ort::AsPointer as _;
use ort::session::{RunOptions, Session};
use ort::value::{TensorRef, TensorRefMut};

/// Runs a session with one input and one output, into `output`, whose shape must be what the graph computes.
///
/// Both are handed over as ordinary memory of the host, wherever they lie: ONNX Runtime 1.31 fails with an output that is declared
/// page-locked, which it tries to copy onto itself. `ort` has no call that fills part of a buffer.
pub(super) fn run(
    session: &mut Session,
    options: &RunOptions,
    (input_name, input): (&CStr, ArrayView4<'_, u8>),
    (output_name, output): (&CStr, ArrayViewMut3<'_, f32>),
) -> ort::Result<()> {
    let input = TensorRef::from_array_view(input)?;
    let output = TensorRefMut::from_array_view_mut(output)?;
    let (input_names, inputs) = ([input_name.as_ptr()], [input.ptr()]);
    let (output_names, mut outputs) = ([output_name.as_ptr()], [output.ptr().cast_mut()]);
    // SAFETY: session, options, both values and all names outlive the call; the lists have one entry each, as is said; the session is
    // borrowed alone, so no other run uses it; the input is only read, and the output's memory is borrowed alone. A run that succeeds has
    // waited for the device's copies; after one that fails, the caller sets the buffers aside. With an output that is not null, ONNX
    // Runtime fills that value or fails, and returns no other.
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
    // SAFETY: the status that was just returned, which ort takes over and releases.
    unsafe { ort::Error::result_from_status(status) }
}
