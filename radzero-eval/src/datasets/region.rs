//! Where a finding is, and how that becomes a mask.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis, AxisDescription};

use crate::error::{Error, Result};

/// The region of a finding, in pixels of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// Runs (start, length) of pixels, column by column from the upper left corner; each start is relative to the end of the
    /// previous run (SIIM-ACR's run-length code).
    Runs(Vec<(u32, u32)>),
    /// Bounding boxes.
    Boxes(Vec<PixelBox>),
    /// A gray image of the same size; every pixel that is not black belongs to the mask.
    File(PathBuf),
    /// The union of several regions; empty for an image without the finding.
    All(Vec<Region>),
}

/// A bounding box in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelBox {
    /// Leftmost column.
    pub left: u32,
    /// Uppermost row.
    pub top: u32,
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

impl Region {
    /// The empty region.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::All(Vec::new())
    }

    /// The mask \[height, width\]. Boxes are clipped at the border.
    ///
    /// # Errors
    /// [`Error::Truth`] if runs or a mask file do not fit the size, or if a box, a mask file or the runs have no pixel in the
    /// image: a labelled image must not turn into a negative one. [`Error::Io`] if a mask file cannot be read.
    pub fn mask(&self, width: usize, height: usize) -> Result<Array2<bool>> {
        let mut mask = Array2::from_elem((height, width), false);
        self.draw(&mut mask)?;
        Ok(mask)
    }

    /// The mask files that the region is read from.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::File(path) => vec![path],
            Self::All(regions) => regions.iter().flat_map(Self::files).collect(),
            Self::Runs(_) | Self::Boxes(_) => Vec::new(),
        }
    }

    fn draw(&self, mask: &mut Array2<bool>) -> Result<()> {
        match self {
            Self::Runs(runs) => draw_runs(runs, mask),
            Self::Boxes(boxes) => {
                let (height, width) = mask.dim();
                for corners in boxes {
                    let within = |start: u32, length: u32, end: usize| {
                        (start as usize).min(end)..(start as usize + length as usize).min(end)
                    };
                    let rows = within(corners.top, corners.height, height);
                    let columns = within(corners.left, corners.width, width);
                    if rows.is_empty() || columns.is_empty() {
                        let PixelBox { left, top, width: across, height: down } = corners;
                        let message = format!(
                            "a box with a pixel of the image of {width} x {height} expected, {across} x {down} pixels from \
                             ({left}, {top}) found"
                        );
                        return Err(Error::Truth(message));
                    }
                    let of_box =
                        |axis: AxisDescription| if axis.axis == Axis(0) { rows.clone() } else { columns.clone() };
                    mask.slice_each_axis_mut(|axis| of_box(axis).into()).fill(true);
                }
                Ok(())
            }
            Self::File(path) => draw_file(path, mask),
            Self::All(regions) => regions.iter().try_for_each(|region| region.draw(mask)),
        }
    }
}

fn draw_runs(runs: &[(u32, u32)], mask: &mut Array2<bool>) -> Result<()> {
    let (height, width) = mask.dim();
    let pixels = width as u64 * height as u64;
    if !runs.is_empty() && runs.iter().all(|&(_, length)| length == 0) {
        return Err(Error::Truth(format!("runs with a pixel expected, {} of length 0 found", runs.len())));
    }
    let mut position = 0_u64;
    for &(start, length) in runs {
        let from = position + u64::from(start);
        position = from + u64::from(length);
        if position > pixels {
            let message = format!("the runs end at pixel {position} or later, the image has {width} x {height}");
            return Err(Error::Truth(message));
        }
        for pixel in from..position {
            let (column, row) = (pixel / height as u64, pixel % height as u64);
            mask[[row as usize, column as usize]] = true;
        }
    }
    Ok(())
}

fn draw_file(path: &Path, mask: &mut Array2<bool>) -> Result<()> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let image = image::load_from_memory(&bytes)
        .map_err(|error| Error::Truth(format!("{} cannot be read: {error}", path.display())))?
        .into_luma16();
    let (height, width) = mask.dim();
    if (image.width() as usize, image.height() as usize) != (width, height) {
        let (found_width, found_height) = image.dimensions();
        let message =
            format!("{} has {found_width} x {found_height} pixels, the image {width} x {height}", path.display());
        return Err(Error::Truth(message));
    }
    if image.iter().all(|level| *level == 0) {
        return Err(Error::Truth(format!("{} is black throughout, a mask expected", path.display())));
    }
    for (inside, level) in mask.iter_mut().zip(image.iter()) {
        *inside |= *level > 0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn runs_go_down_the_columns_and_count_from_the_last() {
        let runs = Region::Runs(vec![(1, 2), (1, 1)]);
        let expected = array![[false, false], [true, true], [true, false]];
        assert_eq!(runs.mask(2, 3).unwrap(), expected);
        assert!(Region::Runs(vec![(5, 1)]).mask(2, 3).unwrap()[[2, 1]]);
        let error = Region::Runs(vec![(5, 2)]).mask(2, 3).unwrap_err().to_string();
        assert!(error.contains("end at pixel 7") && error.contains("2 x 3"), "{error}");
        assert!(Region::Runs(vec![(u32::MAX, u32::MAX); 9]).mask(2, 3).is_err());
    }

    #[test]
    fn boxes_end_at_the_border() {
        let boxes = vec![PixelBox { left: 1, top: 0, width: 9, height: 1 }];
        assert_eq!(Region::Boxes(boxes).mask(3, 2).unwrap(), array![[false, true, true], [false, false, false]]);
        assert!(!Region::nowhere().mask(3, 2).unwrap().iter().any(|&inside| inside));
    }

    #[test]
    fn what_is_labelled_has_a_pixel() {
        let far = PixelBox { left: u32::MAX, top: 7, width: u32::MAX, height: 1 };
        let near = PixelBox { left: 0, top: 0, width: 1, height: 1 };
        for (region, hint) in [
            (Region::Boxes(vec![near, far]), "the image of 3 x 2 expected, 4294967295 x 1 pixels from (4294967295, 7)"),
            (Region::Boxes(vec![PixelBox { width: 0, ..near }]), "0 x 1 pixels from (0, 0) found"),
            (Region::Runs(vec![(1, 0)]), "1 of length 0 found"),
        ] {
            let error = Region::All(vec![region]).mask(3, 2).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        image::GrayImage::new(3, 2).save(&path).unwrap();
        assert!(Region::File(path).mask(3, 2).unwrap_err().to_string().contains("mask.png is black throughout"));
    }

    #[test]
    fn mask_files_must_have_the_size_of_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        image::GrayImage::from_raw(2, 1, vec![0, 1]).unwrap().save(&path).unwrap();
        let region = Region::File(path.clone());
        assert_eq!(region.mask(2, 1).unwrap(), array![[false, true]]);
        let error = region.mask(1, 2).unwrap_err().to_string();
        assert!(error.contains("2 x 1") && error.contains("1 x 2"), "{error}");
        std::fs::write(&path, "no image").unwrap();
        assert!(region.mask(2, 1).unwrap_err().to_string().contains("mask.png"));
    }
}
