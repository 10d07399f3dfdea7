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
mod refusal;
mod source;

use std::fmt;
use std::path::Path;

use image::DynamicImage;
use ndarray::{Array2, Array3, ArrayView2};
use radzero_format::Result;
use radzero_format::record::ReadingRecord;

#[cfg(feature = "dicom")]
pub use self::dicom::{Identifiers, identifiers};
pub use self::eligibility::{BodyPart, Eligibility, ImageKind, Intent, Modality, View};
pub use self::options::ReadOptions;
use self::refusal::{blank, too_large};
pub use self::source::{Laterality, SourceReference};
pub use radzero_format::reading::{
    Frame, IntensityPolicy, IntensityRule, Levels, MAX_PIXELS, MAX_SIDE, ModalityTransform, Origin, TransferSyntax,
    VoiFunction, VoiTransform, Warning,
};

/// A decoded radiograph: levels ready for the model, and what became of the file on the way.
#[derive(Clone, PartialEq)]
pub struct Radiograph {
    levels: OwnedLevels,
    reading: ReadingRecord,
    eligibility: Option<Eligibility>,
    source: Option<SourceReference>,
}

/// 8-bit levels, row by row.
#[derive(Clone, PartialEq)]
enum OwnedLevels {
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

    fn new(levels: OwnedLevels, reading: ReadingRecord) -> Result<Self> {
        let mut radiograph = Self { levels, reading, eligibility: None, source: None };
        check_size(radiograph.width(), radiograph.height())?;
        if radiograph.is_single_level() {
            radiograph.reading.warnings.push(Warning::SingleLevel);
        }
        Ok(radiograph)
    }

    fn is_single_level(&self) -> bool {
        match &self.levels {
            OwnedLevels::Gray(plane) => plane.iter().all(|level| Some(level) == plane.first()),
            OwnedLevels::Rgb(planes) => {
                planes.outer_iter().all(|plane| plane.iter().all(|level| Some(level) == plane.first()))
            }
        }
    }

    /// The same radiograph with where it is from: for hosts that know it. [`ReadOptions::source_reference`] reads it of a DICOM
    /// file.
    #[must_use]
    pub fn with_source(mut self, source: SourceReference) -> Self {
        self.source = Some(source);
        self
    }

    /// The levels, borrowed as they lie in memory.
    #[must_use]
    pub fn levels(&self) -> Levels<'_> {
        match &self.levels {
            OwnedLevels::Gray(plane) => Levels::Gray(plane.view()),
            OwnedLevels::Rgb(planes) => Levels::Rgb(planes.view()),
        }
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.levels().width()
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.levels().height()
    }

    /// How it was read: all of what follows, as results record it.
    #[must_use]
    pub fn reading(&self) -> &ReadingRecord {
        &self.reading
    }

    /// What it was read from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.reading.origin
    }

    /// How its samples became 8-bit levels.
    #[must_use]
    pub fn intensity(&self) -> IntensityRule {
        self.reading.intensity
    }

    /// Whether red, green and blue are equal throughout, as they are in what was read as gray.
    #[must_use]
    pub fn is_gray(&self) -> bool {
        matches!(self.levels, OwnedLevels::Gray(_))
    }

    /// The intensity policy that was asked for.
    #[must_use]
    pub fn policy(&self) -> IntensityPolicy {
        self.reading.policy
    }

    /// How the pixel data was encoded (DICOM).
    #[must_use]
    pub fn transfer_syntax(&self) -> Option<TransferSyntax> {
        self.reading.transfer_syntax
    }

    /// Which frame this is (DICOM).
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        self.reading.frame
    }

    /// What was worked around, assumed or left undone, in the order met.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.reading.warnings
    }

    /// What the file says of itself (DICOM).
    #[must_use]
    pub fn eligibility(&self) -> Option<&Eligibility> {
        self.eligibility.as_ref()
    }

    /// Where it is from: of a DICOM file only where [`ReadOptions::source_reference`] asked for it.
    #[must_use]
    pub fn source(&self) -> Option<&SourceReference> {
        self.source.as_ref()
    }
}

impl fmt::Debug for Radiograph {
    /// Size and origin; never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radiograph")
            .field("width", &self.width())
            .field("height", &self.height())
            .field("origin", &self.reading.origin)
            .field("intensity", &self.reading.intensity)
            .finish_non_exhaustive()
    }
}

/// Refuses empty and absurdly large images.
fn check_size(width: usize, height: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(blank(format!("the image is empty: {width} x {height} pixels")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(too_large(format!(
            "the image is too large: at most {MAX_SIDE} pixels a side and {MAX_PIXELS} in all expected, {width} x {height} found"
        )));
    }
    Ok(())
}
