//! A radiograph in memory: 8-bit levels at the original size, and how they were made.

use std::fmt;

use ndarray::{Array2, Array3};
use radzero_format::Result;
use radzero_format::reading::{Frame, IntensityPolicy, IntensityRule, Levels, Origin, TransferSyntax, Warning};
use radzero_format::record::ReadingRecord;

use crate::eligibility::Eligibility;
use crate::guard::check_size;
use crate::source::SourceReference;

/// A radiograph as 8-bit levels, with a record of how it was read.
#[derive(Clone, PartialEq)]
pub struct Radiograph {
    pub(crate) levels: OwnedLevels,
    pub(crate) reading: ReadingRecord,
    pub(crate) eligibility: Option<Eligibility>,
    pub(crate) source: Option<SourceReference>,
}

/// 8-bit levels of a radiograph, row by row.
#[derive(Clone, PartialEq)]
pub(crate) enum OwnedLevels {
    /// \[height, width\]; equal red, green and blue.
    Gray(Array2<u8>),
    /// \[3, height, width\]: red, green, blue.
    Rgb(Array3<u8>),
}

impl Radiograph {
    pub(crate) fn new(levels: OwnedLevels, reading: ReadingRecord) -> Result<Self> {
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

    /// Attaches a source reference, for hosts that have one. For a DICOM file,
    /// [`ReadOptions::source_reference`](crate::ReadOptions::source_reference) reads it.
    #[must_use]
    pub fn with_source(mut self, source: SourceReference) -> Self {
        self.source = Some(source);
        self
    }

    /// The 8-bit levels, borrowed.
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

    /// How it was read, as stored in the result record.
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

    /// Whether it was read as gray, so that red, green and blue are equal.
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

    /// What was assumed, worked around or left undone, in order of occurrence.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.reading.warnings
    }

    /// What the file states about the image (DICOM).
    #[must_use]
    pub fn eligibility(&self) -> Option<&Eligibility> {
        self.eligibility.as_ref()
    }

    /// Which DICOM instance it is, if [`ReadOptions::source_reference`](crate::ReadOptions::source_reference) was set or
    /// [`with_source`](Self::with_source) attached it.
    #[must_use]
    pub fn source(&self) -> Option<&SourceReference> {
        self.source.as_ref()
    }
}

impl fmt::Debug for Radiograph {
    /// Shows size and origin, never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radiograph")
            .field("width", &self.width())
            .field("height", &self.height())
            .field("origin", &self.reading.origin)
            .field("intensity", &self.reading.intensity)
            .finish_non_exhaustive()
    }
}
