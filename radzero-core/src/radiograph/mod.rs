//! A decoded radiograph: 8-bit levels at the original size, and how they came about.
//!
//! [`Radiograph::open`] reads a file as the published code does. [`ReadOptions`] has the choices: another intensity policy, a frame,
//! raw data, EXIF orientation; and takes arrays, decoded images and parsed DICOM objects too. A [`Radiograph`] says which rule ran
//! ([`Radiograph::intensity`]), what was worked around ([`Radiograph::warnings`]) and what the file says that it shows
//! ([`Radiograph::eligibility`]).
//!
//! Steps: bytes -> kind by content -> decoded samples -> intensity rule -> 8-bit levels.

#[cfg(feature = "dicom")]
mod dicom;
mod eligibility;
mod guard;
mod image_file;
mod intensity;
mod jpeg;
mod kind;
mod memory;
mod options;
mod rule;
mod transfer_syntax;
mod warning;

use std::fmt;
use std::path::Path;

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use serde::Serialize;

#[cfg(feature = "dicom")]
pub use self::dicom::{Identifiers, identifiers};
pub use self::eligibility::{BodyPart, Eligibility, ImageKind, Intent, Modality, View};
pub use self::options::{IntensityPolicy, ReadOptions};
pub use self::rule::{IntensityRule, ModalityTransform, VoiFunction, VoiTransform};
pub use self::transfer_syntax::TransferSyntax;
pub use self::warning::Warning;
use crate::error::{Error, ErrorKind, Result};

/// Longest side accepted, in pixels. Larger images are refused before anything is allocated for them.
pub const MAX_SIDE: usize = 16_384;

/// Largest area accepted, in pixels.
pub const MAX_PIXELS: usize = 1 << 27;

/// What kind of file or value a radiograph was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// A PNG file.
    Png,
    /// A JPEG file.
    Jpeg,
    /// A DICOM file.
    Dicom,
    /// Samples handed over by the caller.
    Memory,
}

/// A decoded radiograph: levels ready for the model, and what became of the file on the way.
#[derive(Clone, PartialEq)]
pub struct Radiograph {
    levels: Levels,
    origin: Origin,
    policy: IntensityPolicy,
    intensity: IntensityRule,
    transfer_syntax: Option<TransferSyntax>,
    frame: Option<Frame>,
    warnings: Vec<Warning>,
    eligibility: Option<Eligibility>,
}

/// Which frame of a DICOM file a radiograph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Frame {
    /// From 0.
    pub index: usize,
    /// How many the file has.
    pub count: usize,
}

/// 8-bit levels, row by row.
#[derive(Clone, PartialEq)]
pub(crate) enum Levels {
    /// \[height, width\]; equal red, green and blue.
    Gray(Array2<u8>),
    /// \[3, height, width\]: red, green, blue.
    Rgb(Array3<u8>),
}

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

    /// Takes a decoded image with the default [`ReadOptions`].
    ///
    /// # Errors
    /// As [`ReadOptions::read_image`].
    pub fn from_image(image: &DynamicImage) -> Result<Self> {
        ReadOptions::default().read_image(image)
    }

    /// Takes 8-bit gray levels \[height, width\] as they are.
    ///
    /// # Errors
    /// As [`ReadOptions::read_gray`].
    pub fn from_gray(levels: Array2<u8>) -> Result<Self> {
        ReadOptions::default().read_gray(levels)
    }

    /// Takes 16-bit gray samples \[height, width\] by [`IntensityRule::MinMax`].
    ///
    /// # Errors
    /// As [`ReadOptions::read_gray16`].
    pub fn from_gray16(samples: ArrayView2<'_, u16>) -> Result<Self> {
        ReadOptions::default().read_gray16(samples)
    }

    /// Takes 8-bit colour levels \[3, height, width\] (red, green, blue) as they are.
    ///
    /// # Errors
    /// As [`ReadOptions::read_rgb`].
    pub fn from_rgb(levels: Array3<u8>) -> Result<Self> {
        ReadOptions::default().read_rgb(levels)
    }

    fn new(levels: Levels, origin: Origin, intensity: IntensityRule) -> Result<Self> {
        let radiograph = Self {
            levels,
            origin,
            policy: IntensityPolicy::Reference,
            intensity,
            transfer_syntax: None,
            frame: None,
            warnings: Vec::new(),
            eligibility: None,
        };
        check_size(radiograph.width(), radiograph.height())?;
        Ok(radiograph)
    }

    fn with_policy(mut self, policy: IntensityPolicy) -> Self {
        self.policy = policy;
        self
    }

    fn with_warnings(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings = warnings;
        if self.is_single_level() {
            self.warnings.push(Warning::SingleLevel);
        }
        self
    }

    fn is_single_level(&self) -> bool {
        match &self.levels {
            Levels::Gray(plane) => plane.iter().all(|level| Some(level) == plane.first()),
            Levels::Rgb(planes) => {
                planes.outer_iter().all(|plane| plane.iter().all(|level| Some(level) == plane.first()))
            }
        }
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        match &self.levels {
            Levels::Gray(plane) => plane.ncols(),
            Levels::Rgb(planes) => planes.dim().2,
        }
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        match &self.levels {
            Levels::Gray(plane) => plane.nrows(),
            Levels::Rgb(planes) => planes.dim().1,
        }
    }

    /// What it was read from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How its samples became 8-bit levels.
    #[must_use]
    pub fn intensity(&self) -> IntensityRule {
        self.intensity
    }

    /// Whether red, green and blue are equal throughout, as they are in what was read as gray.
    #[must_use]
    pub fn is_gray(&self) -> bool {
        matches!(self.levels, Levels::Gray(_))
    }

    /// The intensity policy that was asked for.
    #[must_use]
    pub fn policy(&self) -> IntensityPolicy {
        self.policy
    }

    /// How the pixel data was encoded (DICOM).
    #[must_use]
    pub fn transfer_syntax(&self) -> Option<TransferSyntax> {
        self.transfer_syntax
    }

    /// Which frame this is (DICOM).
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        self.frame
    }

    /// What was worked around, assumed or left undone, in the order met.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What the file says of itself (DICOM).
    #[must_use]
    pub fn eligibility(&self) -> Option<&Eligibility> {
        self.eligibility.as_ref()
    }

    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The levels as an 8-bit RGB image of the original size, for display.
    #[must_use]
    pub fn to_rgb_image(&self) -> image::RgbImage {
        // Sizes are checked at construction to fit u32.
        image::RgbImage::from_fn(self.width() as u32, self.height() as u32, |x, y| {
            let (x, y) = (x as usize, y as usize);
            image::Rgb(match &self.levels {
                Levels::Gray(plane) => [plane[[y, x]]; 3],
                Levels::Rgb(planes) => [planes[[0, y, x]], planes[[1, y, x]], planes[[2, y, x]]],
            })
        })
    }
}

impl fmt::Debug for Radiograph {
    /// Size and origin; never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radiograph")
            .field("width", &self.width())
            .field("height", &self.height())
            .field("origin", &self.origin)
            .field("intensity", &self.intensity)
            .finish_non_exhaustive()
    }
}

/// Refuses empty and absurdly large images.
fn check_size(width: usize, height: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::new(ErrorKind::Image, format!("the image is empty: {width} x {height} pixels")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(Error::new(
            ErrorKind::Image,
            format!(
                "the image is too large: at most {MAX_SIDE} pixels a side and {MAX_PIXELS} in all expected, {width} x {height} found"
            ),
        ));
    }
    Ok(())
}
