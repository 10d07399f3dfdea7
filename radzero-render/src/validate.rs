//! Checks of arguments, before anything is drawn.

use ndarray::ArrayView2;
use radzero_score::Comparison;
use radzero_score::format::reading::{Levels, MAX_PIXELS, MAX_SIDE};
use radzero_score::format::{Error, ErrorKind, Result};

/// An error of kind [`ErrorKind::Argument`].
pub(crate) fn argument_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}

/// Width and height as `u32`; refused unless both are from 1 to [`MAX_SIDE`].
pub(crate) fn check_sides(width: usize, height: usize, what: &str) -> Result<(u32, u32)> {
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(w), Ok(h)) if [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) => Ok((w, h)),
        _ => {
            Err(argument_error(format!("sides of 1 to {MAX_SIDE} pixels expected, {what} of {width} x {height} found")))
        }
    }
}

/// Refuses a picture size that is empty or too large.
pub(crate) fn check_target_size(width: u32, height: u32) -> Result<()> {
    let (width, height) = (width as usize, height as usize);
    check_sides(width, height, "a picture")?;
    if width * height <= MAX_PIXELS {
        return Ok(());
    }
    Err(argument_error(format!("at most {MAX_PIXELS} pixels expected, a picture of {width} x {height} found")))
}

/// Width and height of a radiograph's levels; refused if the shape is invalid.
pub(crate) fn levels_size(levels: Levels<'_>) -> Result<(u32, u32)> {
    if let Levels::Rgb(planes) = levels
        && planes.dim().0 != 3
    {
        return Err(argument_error(format!("planes [3, height, width] expected, {:?} found", planes.shape())));
    }
    check_sides(levels.width(), levels.height(), "an image")
}

/// Refuses a comparison of an image of another size.
pub(crate) fn comparison(comparison: &Comparison, (width, height): (u32, u32)) -> Result<()> {
    if (comparison.width(), comparison.height()) == (width as usize, height as usize) {
        return Ok(());
    }
    let (found_width, found_height) = (comparison.width(), comparison.height());
    let found = format!("one of an image of {found_width} x {found_height} found");
    Err(argument_error(format!("a comparison of an image of {width} x {height} pixels expected, {found}")))
}

/// Refuses a map of another size than the image's.
pub(crate) fn map(map: ArrayView2<'_, f32>, (width, height): (u32, u32)) -> Result<()> {
    if map.dim() == (height as usize, width as usize) {
        return Ok(());
    }
    Err(argument_error(format!("a map [height, width] of [{height}, {width}] expected, {:?} found", map.shape())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn sizes_are_width_by_height() {
        assert_eq!(levels_size(Levels::Gray(Array2::zeros((3, 5)).view())).unwrap(), (5, 3));
        assert_eq!(levels_size(Levels::Rgb(Array3::zeros((3, 2, 5)).view())).unwrap(), (5, 2));
        assert!(check_target_size(16_384, 8192).is_ok() && check_target_size(1, 16_384).is_ok());
    }

    #[test]
    fn impossible_sizes_are_refused_and_reported() {
        let long = Array2::zeros((1, 16_385));
        for (found, words) in [
            (levels_size(Levels::Gray(Array2::zeros((0, 5)).view())), "an image of 5 x 0 found"),
            (levels_size(Levels::Gray(long.view())), "1 to 16384 pixels expected, an image of 16385 x 1 found"),
            (levels_size(Levels::Rgb(Array3::zeros((4, 2, 5)).view())), "[3, height, width] expected, [4, 2, 5] found"),
            (levels_size(Levels::Rgb(Array3::zeros((3, 2, 0)).view())), "an image of 0 x 2 found"),
            (check_sides(70_000, 1, "a mask"), "a mask of 70000 x 1 found"),
            (check_target_size(0, 9).map(|()| (0, 0)), "a picture of 0 x 9 found"),
            (check_target_size(9, u32::MAX).map(|()| (0, 0)), "a picture of 9 x 4294967295 found"),
            (check_target_size(16_384, 16_384).map(|()| (0, 0)), "at most 134217728 pixels expected"),
        ] {
            let error = found.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
