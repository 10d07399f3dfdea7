//! The entry points for reading: a path, bytes, an array, a decoded image or a parsed DICOM object.

use std::path::Path;

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use radzero_format::{Error, Result};

#[cfg(feature = "dicom")]
use crate::dicom;
use crate::guard::catch_panic;
use crate::options::ReadOptions;
use crate::radiograph::Radiograph;
use crate::{file, levels};

/// Reading with the default [`ReadOptions`], which do what the published code does.
impl Radiograph {
    /// Reads a PNG, JPEG or (with feature `dicom`) DICOM file with the default [`ReadOptions`].
    ///
    /// # Errors
    /// As [`ReadOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        ReadOptions::default().open(path)
    }

    /// Decodes the content of a PNG, JPEG or (with feature `dicom`) DICOM file with the default [`ReadOptions`].
    ///
    /// # Errors
    /// As [`ReadOptions::read_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        ReadOptions::default().read_bytes(bytes)
    }

    /// Reads a decoded image with the default [`ReadOptions`].
    ///
    /// # Errors
    /// As [`ReadOptions::read_image`].
    pub fn from_image(image: &DynamicImage) -> Result<Self> {
        ReadOptions::default().read_image(image)
    }

    /// Takes 8-bit gray levels \[height, width\] unchanged.
    ///
    /// # Errors
    /// As [`ReadOptions::read_gray`].
    pub fn from_gray(levels: Array2<u8>) -> Result<Self> {
        ReadOptions::default().read_gray(levels)
    }

    /// Reads 16-bit gray samples \[height, width\] by [`IntensityRule::MinMax`](crate::IntensityRule::MinMax).
    ///
    /// # Errors
    /// As [`ReadOptions::read_gray16`].
    pub fn from_gray16(samples: ArrayView2<'_, u16>) -> Result<Self> {
        ReadOptions::default().read_gray16(samples)
    }

    /// Takes 8-bit colour levels \[3, height, width\] (red, green, blue) unchanged.
    ///
    /// # Errors
    /// As [`ReadOptions::read_rgb`].
    pub fn from_rgb(levels: Array3<u8>) -> Result<Self> {
        ReadOptions::default().read_rgb(levels)
    }
}

impl ReadOptions {
    /// Reads a PNG, JPEG or (with feature `dicom`) DICOM file. Its type is known by its content, not its name.
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
    /// An error whose kind [is about the image](crate::ErrorKind::is_image): another file type, an unsupported or damaged image,
    /// one beyond [`MAX_SIDE`](crate::MAX_SIDE) or [`MAX_PIXELS`](crate::MAX_PIXELS), a blank one, raw detector data, or several
    /// frames.
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Radiograph> {
        let span = tracing::debug_span!("radzero.read", bytes = bytes.len());
        let _entered = span.enter();
        catch_panic("the image cannot be read: it is damaged", || file::decode(bytes, self))
    }

    /// Reads a decoded image: 8-bit samples unchanged, 16-bit gray stretched from the least to the greatest value, 16-bit colour
    /// by its high byte. Alpha is dropped, not blended. With [`IntensityPolicy::MinMax`](crate::IntensityPolicy::MinMax) all
    /// levels are stretched.
    ///
    /// # Errors
    /// [`UnsupportedImage`](crate::ErrorKind::UnsupportedImage) for floating point samples,
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if it is empty or, if
    /// it is stretched, of one value.
    pub fn read_image(&self, image: &DynamicImage) -> Result<Radiograph> {
        levels::from_image(image, self)
    }

    /// Reads 8-bit gray levels \[height, width\].
    ///
    /// # Errors
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if the array is empty
    /// or, with [`IntensityPolicy::MinMax`](crate::IntensityPolicy::MinMax), of one value.
    pub fn read_gray(&self, levels: Array2<u8>) -> Result<Radiograph> {
        levels::from_gray(levels, self)
    }

    /// Reads 16-bit gray samples \[height, width\] as those of a 16-bit image, stretched from the least to the greatest value.
    /// Stored values of a DICOM file have other rules: use [`ReadOptions::read_dicom`].
    ///
    /// # Errors
    /// [`ImageTooLarge`](crate::ErrorKind::ImageTooLarge), and [`BlankImage`](crate::ErrorKind::BlankImage) if the array is empty
    /// or of one value.
    pub fn read_gray16(&self, samples: ArrayView2<'_, u16>) -> Result<Radiograph> {
        levels::from_gray16(samples, self)
    }

    /// Reads 8-bit colour levels \[3, height, width\] (red, green, blue).
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) unless there are three planes, otherwise as [`ReadOptions::read_gray`].
    pub fn read_rgb(&self, levels: Array3<u8>) -> Result<Radiograph> {
        levels::from_rgb(levels, self)
    }

    /// Reads a parsed DICOM object with its pixel data. `transfer_syntax` is the UID from its file meta information.
    ///
    /// # How can a host read what this crate does not decode, such as JPEG-LS?
    ///
    /// It decodes the frame itself, replaces the codestream by the samples, and passes an uncompressed transfer syntax:
    ///
    /// ```no_run
    /// use dicom_core::{DataElement, VR, value::PrimitiveValue};
    /// use dicom_dictionary_std::{tags, uids};
    /// use radzero_image::ReadOptions;
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
        catch_panic("the image cannot be read: it is damaged", || dicom::decode_object(object, transfer_syntax, self))
    }
}
