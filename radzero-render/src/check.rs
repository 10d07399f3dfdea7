//! What is refused before anything is drawn.

use ndarray::ArrayView2;
use radzero_score::Comparison;
use radzero_score::format::reading::{Levels, MAX_PIXELS, MAX_SIDE};
use radzero_score::format::{Error, ErrorKind, Result};

/// An error of what the caller handed over.
pub(crate) fn argument(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}

/// Width and height of a picture whose sides are from 1 to [`MAX_SIDE`].
pub(crate) fn sides(width: usize, height: usize, what: &str) -> Result<(u32, u32)> {
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(short), Ok(high)) if [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) => Ok((short, high)),
        _ => Err(argument(format!("sides of 1 to {MAX_SIDE} pixels expected, {what} of {width} x {height} found"))),
    }
}

/// Refuses a size at which nothing is drawn.
pub(crate) fn target(width: u32, height: u32) -> Result<()> {
    let (width, height) = (width as usize, height as usize);
    sides(width, height, "a picture")?;
    if width * height <= MAX_PIXELS {
        return Ok(());
    }
    Err(argument(format!("at most {MAX_PIXELS} pixels expected, a picture of {width} x {height} found")))
}

/// Width and height of levels of a shape that a radiograph has.
pub(crate) fn levels(levels: Levels<'_>) -> Result<(u32, u32)> {
    if let Levels::Rgb(planes) = levels
        && planes.dim().0 != 3
    {
        return Err(argument(format!("planes [3, height, width] expected, {:?} found", planes.shape())));
    }
    sides(levels.width(), levels.height(), "an image")
}

/// Refuses a comparison of an image of another size.
pub(crate) fn comparison(comparison: &Comparison, (width, height): (u32, u32)) -> Result<()> {
    if (comparison.width(), comparison.height()) == (width as usize, height as usize) {
        return Ok(());
    }
    let (found_width, found_height) = (comparison.width(), comparison.height());
    let found = format!("one of an image of {found_width} x {found_height} found");
    Err(argument(format!("a comparison of an image of {width} x {height} pixels expected, {found}")))
}

/// Refuses a map of another size than the image's.
pub(crate) fn map(map: ArrayView2<'_, f32>, (width, height): (u32, u32)) -> Result<()> {
    if map.dim() == (height as usize, width as usize) {
        return Ok(());
    }
    Err(argument(format!("a map [height, width] of [{height}, {width}] expected, {:?} found", map.shape())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn sizes_are_told_as_they_are() {
        assert_eq!(levels(Levels::Gray(Array2::zeros((3, 5)).view())).unwrap(), (5, 3));
        assert_eq!(levels(Levels::Rgb(Array3::zeros((3, 2, 5)).view())).unwrap(), (5, 2));
        assert!(target(16_384, 8192).is_ok() && target(1, 16_384).is_ok());
    }

    #[test]
    fn impossible_sizes_are_refused_and_named() {
        let long = Array2::zeros((1, 16_385));
        for (found, words) in [
            (levels(Levels::Gray(Array2::zeros((0, 5)).view())), "an image of 5 x 0 found"),
            (levels(Levels::Gray(long.view())), "1 to 16384 pixels expected, an image of 16385 x 1 found"),
            (levels(Levels::Rgb(Array3::zeros((4, 2, 5)).view())), "[3, height, width] expected, [4, 2, 5] found"),
            (levels(Levels::Rgb(Array3::zeros((3, 2, 0)).view())), "an image of 0 x 2 found"),
            (sides(70_000, 1, "a mask"), "a mask of 70000 x 1 found"),
            (target(0, 9).map(|()| (0, 0)), "a picture of 0 x 9 found"),
            (target(9, u32::MAX).map(|()| (0, 0)), "a picture of 9 x 4294967295 found"),
            (target(16_384, 16_384).map(|()| (0, 0)), "at most 134217728 pixels expected"),
        ] {
            let error = found.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
