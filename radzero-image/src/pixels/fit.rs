//! Fits a radiograph to the model's square input.

use ndarray::{Array3, ArrayView2, Axis};
use radzero_format::geometry::fit;
use radzero_format::manifest::{GeometryKind, Resample};
use radzero_format::reading::Levels;
use radzero_format::{Error, ErrorKind, Result};

use super::resample::resample_axes;
use crate::radiograph::Radiograph;

/// The radiograph as the model sees it: 8-bit levels \[3, S, S\], where S is `size`. They equal those of Pillow's
/// `resize(..., BICUBIC)` with the padding or cropping of the [kind](GeometryKind).
///
/// # Errors
/// [`ErrorKind::Argument`] if `size` is 0 or above [`MAX_SIDE`](crate::MAX_SIDE), or the kernel belongs to a later version.
pub fn to_model(radiograph: &Radiograph, kind: GeometryKind, size: usize, kernel: Resample) -> Result<Array3<u8>> {
    if kernel != Resample::Bicubic {
        return Err(Error::new(ErrorKind::Argument, "a resampling kernel that this version does not know"));
    }
    let [rows, columns] = fit(kind, size, radiograph.width(), radiograph.height())?;
    let fitted = |plane: ArrayView2<'_, u8>| resample_axes(plane, &rows, &columns);
    let mut pixels = Array3::zeros((3, size, size));
    match radiograph.levels() {
        Levels::Gray(plane) => {
            let fitted = fitted(plane);
            pixels.axis_iter_mut(Axis(0)).for_each(|mut channel| channel.assign(&fitted));
        }
        Levels::Rgb(planes) => {
            for (plane, mut channel) in planes.axis_iter(Axis(0)).zip(pixels.axis_iter_mut(Axis(0))) {
                channel.assign(&fitted(plane));
            }
        }
        _ => return Err(Error::new(ErrorKind::Argument, "levels of a kind that this version does not know")),
    }
    Ok(pixels)
}
