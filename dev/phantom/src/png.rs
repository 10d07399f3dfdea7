//! Phantoms and masks as images and PNG files.

use std::path::Path;

use image::{DynamicImage, ImageBuffer, Luma};

use crate::{Error, Mask, Phantom, Size};

/// Bits per pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Levels 0 to 255.
    Eight,
    /// Levels 0 to 65535.
    Sixteen,
}

impl Phantom {
    /// Levels 0 to 255, row by row.
    #[must_use]
    pub fn to_u8(&self) -> Vec<u8> {
        self.levels.iter().map(|v| (v * 255.0).round() as u8).collect()
    }

    /// Levels 0 to 65535, row by row.
    #[must_use]
    pub fn to_u16(&self) -> Vec<u16> {
        self.levels.iter().map(|v| (v * 65535.0).round() as u16).collect()
    }

    /// Writes a grey PNG file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write_png(&self, path: &Path, depth: Depth) -> Result<(), Error> {
        match depth {
            Depth::Eight => write8(path, self.size, self.to_u8()),
            Depth::Sixteen => {
                let Size { width, height } = self.size;
                let image = ImageBuffer::<Luma<u16>, _>::from_raw(width, height, self.to_u16());
                write(path, image.map(DynamicImage::ImageLuma16))
            }
        }
    }
}

impl Mask {
    /// Writes a PNG file: 255 where covered, 0 elsewhere.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write_png(&self, path: &Path) -> Result<(), Error> {
        write8(path, self.size(), self.covered().iter().map(|&covered| if covered { 255 } else { 0 }).collect())
    }
}

fn write8(path: &Path, size: Size, levels: Vec<u8>) -> Result<(), Error> {
    let image = ImageBuffer::<Luma<u8>, _>::from_raw(size.width, size.height, levels);
    write(path, image.map(DynamicImage::ImageLuma8))
}

fn write(path: &Path, image: Option<DynamicImage>) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    // `None` cannot happen: the number of levels is that of the size.
    let image = image.ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))?;
    image.save_with_format(path, image::ImageFormat::Png).map_err(|error| failed(std::io::Error::other(error)))
}
