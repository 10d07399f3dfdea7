//! Choices made before a radiograph is read.

use std::path::Path;

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use radzero_format::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{IntensityPolicy, Radiograph, guard, image_file, memory};

/// How a radiograph is read. The default is what the published code does.
///
/// The options apply in this order:
///
/// 1. `allow_for_processing`: DICOM images of raw detector data are refused, or not
/// 2. `frame`: one frame is decoded
/// 3. `intensity`: its samples become 8-bit levels
/// 4. `apply_exif_orientation`: the picture of an image file is turned
///
/// ```no_run
/// use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
///
/// # fn main() -> radzero_core::Result<()> {
/// let options = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
/// let radiograph = options.open("chest.dcm")?;
/// println!("{} {:?}", radiograph.intensity(), radiograph.warnings());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Which rule makes 8-bit levels of stored samples.
    pub intensity: IntensityPolicy,
    /// Which frame of a DICOM file to read, from 0. Without it a file of several frames is refused.
    pub frame: Option<usize>,
    /// Reads DICOM images whose SOP class or Presentation Intent Type is FOR PROCESSING: raw detector data that nobody looks at,
    /// and unlike what the model has seen.
    pub allow_for_processing: bool,
    /// Turns image files as their EXIF orientation says. The published code does not.
    pub apply_exif_orientation: bool,
    /// Keeps the UIDs, spacing, laterality and orientation of a DICOM file with the radiograph ([`Radiograph::source`]), for
    /// results that must point back at it.
    pub source_reference: bool,
}

impl ReadOptions {
    /// Reads a PNG, JPEG or (with feature `dicom`) DICOM file; the content decides, not the name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be read, otherwise as [`ReadOptions::read_bytes`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Radiograph> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::io(path, "read", source))?;
        self.read_bytes(&bytes).map_err(|error| error.within(path.display()))
    }

    /// Decodes the content of a PNG, JPEG or (with feature `dicom`) DICOM file.
    ///
    /// # Errors
    /// One whose kind [is of an image](crate::ErrorKind::is_image): it is none of these, of an unsupported kind, damaged, beyond
    /// [`MAX_SIDE`](super::MAX_SIDE) or [`MAX_PIXELS`](super::MAX_PIXELS), blank, raw data or of several frames.
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Radiograph> {
        let span = tracing::debug_span!("radzero.read", bytes = bytes.len());
        let _entered = span.enter();
        guard::guarded("the image cannot be read: it is damaged", || image_file::decode(bytes, self))
    }

    /// Takes a decoded image: 8-bit samples as they are (alpha is dropped, not blended), 16-bit gray from least to greatest,
    /// of 16-bit colour the high byte; with [`IntensityPolicy::MinMax`] everything from least to greatest.
    ///
    /// # Errors
    /// [`UnsupportedImage`](crate::ErrorKind::UnsupportedImage) for floating point samples,
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if it is empty or, where
    /// least and greatest count, of one value.
    pub fn read_image(&self, image: &DynamicImage) -> Result<Radiograph> {
        memory::from_image(image, self)
    }

    /// Takes 8-bit gray levels \[height, width\].
    ///
    /// # Errors
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if the array is empty or,
    /// with [`IntensityPolicy::MinMax`], of one value.
    pub fn read_gray(&self, levels: Array2<u8>) -> Result<Radiograph> {
        memory::from_gray(levels, self)
    }

    /// Takes 16-bit gray samples \[height, width\], from least to greatest, as 16-bit images are read. Stored values of a DICOM
    /// file have other rules: [`ReadOptions::read_dicom`].
    ///
    /// # Errors
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if the array is empty or
    /// of one value.
    pub fn read_gray16(&self, samples: ArrayView2<'_, u16>) -> Result<Radiograph> {
        memory::from_gray16(samples, self)
    }

    /// Takes 8-bit colour levels \[3, height, width\] (red, green, blue).
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) if it has not three planes, else as [`ReadOptions::read_gray`].
    pub fn read_rgb(&self, levels: Array3<u8>) -> Result<Radiograph> {
        memory::from_rgb(levels, self)
    }

    /// Takes a parsed DICOM object with its pixel data. `transfer_syntax` is the UID that its file meta information names.
    ///
    /// # How can a host read what this crate does not decode, as JPEG-LS?
    ///
    /// It decodes the frame itself, puts the samples in place of the codestream, and names an uncompressed transfer syntax:
    ///
    /// ```no_run
    /// use dicom_core::{DataElement, VR, value::PrimitiveValue};
    /// use dicom_dictionary_std::{tags, uids};
    /// use radzero_core::radiograph::ReadOptions;
    ///
    /// # fn decode(_: &dicom_object::DefaultDicomObject) -> Vec<u16> { Vec::new() }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut object = dicom_object::open_file("jpeg_ls.dcm")?;
    /// let samples: Vec<u16> = decode(&object);
    /// object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.into())));
    /// let radiograph = ReadOptions::default().read_dicom(&object, uids::EXPLICIT_VR_LITTLE_ENDIAN)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ReadOptions::read_bytes`].
    #[cfg(feature = "dicom")]
    pub fn read_dicom(&self, object: &dicom_object::InMemDicomObject, transfer_syntax: &str) -> Result<Radiograph> {
        let span = tracing::debug_span!("radzero.read", dicom_object = true);
        let _entered = span.enter();
        guard::guarded("the image cannot be read: it is damaged", || {
            super::dicom::decode_object(object, transfer_syntax, self)
        })
    }
}
