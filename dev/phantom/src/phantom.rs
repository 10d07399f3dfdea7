//! A phantom: the plan of a seed, and its drawing.

use crate::anatomy::Anatomy;
use crate::exposure::Exposure;
use crate::findings::{Finding, plan};
use crate::mask::{Bounds, Mask};
use crate::{Error, Kind, Side, Zone};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

/// The largest width or height that is drawn.
pub const MAX_SIDE: u32 = 8192;

impl Size {
    /// A square with this side.
    #[must_use]
    pub fn square(side: u32) -> Self {
        Self { width: side, height: side }
    }

    /// Width times height.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// The shapes of one phantom, independent of the image size. A seed gives the same shapes and, at a given size, the same
/// pixels on every platform.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    anatomy: Anatomy,
    findings: Vec<Finding>,
}

/// A finding that was drawn.
#[derive(Clone, Debug)]
pub struct DrawnFinding {
    /// Its kind.
    pub kind: Kind,
    /// The patient's side; `None` for a finding of the heart.
    pub side: Option<Side>,
    /// The third of the lung; `None` where the finding is not one of a zone.
    pub zone: Option<Zone>,
    /// The pixels that it covers, even where other findings lie over it.
    pub mask: Mask,
    /// The bounding box of the mask.
    pub bounds: Bounds,
}

/// A drawn radiograph and its findings. Bright is dense.
#[derive(Clone, Debug)]
pub struct Phantom {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Width and height in pixels.
    pub size: Size,
    /// Levels in [0, 1], row by row.
    pub levels: Vec<f32>,
    /// Findings, large ones first; empty for a normal chest.
    pub findings: Vec<DrawnFinding>,
}

impl Plan {
    /// The plan of a seed with a random choice of findings: about one phantom in five has none, and about one in five has
    /// any given one.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::planned(seed, None)
    }

    /// The plan of a seed with exactly these findings, as far as there is room for them.
    #[must_use]
    pub fn with(seed: u64, kinds: &[Kind]) -> Self {
        Self::planned(seed, Some(kinds))
    }

    fn planned(seed: u64, kinds: Option<&[Kind]>) -> Self {
        let mut anatomy = Anatomy::new(seed);
        let findings = plan(seed, kinds, &mut anatomy);
        Self { seed, anatomy, findings }
    }

    /// Draws the plan.
    ///
    /// # Errors
    /// [`Error::Size`] if a side is 0 or above [`MAX_SIDE`].
    pub fn draw(&self, size: Size) -> Result<Phantom, Error> {
        if ![size.width, size.height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return Err(Error::Size { width: size.width, height: size.height, largest: MAX_SIDE });
        }
        let anatomy = &self.anatomy;
        let mut layers = anatomy.draw(size);
        // Metal comes last, since nothing shows through it.
        let metal = |finding: &&Finding| finding.kind == Kind::Pacemaker;
        for finding in self.findings.iter().filter(|f| !metal(f)).chain(self.findings.iter().filter(metal)) {
            finding.shape.draw(anatomy, &mut layers);
        }
        for (value, marking) in layers.tissue.values.iter_mut().zip(&layers.markings.values) {
            *value += marking;
        }
        let levels = Exposure::new(self.seed).apply(layers.tissue);
        let findings = self.findings.iter().filter_map(|finding| {
            let shape = &finding.shape;
            let mask = Mask::new(size, shape.area(anatomy), |p| shape.covers(anatomy, p));
            // In a tiny image, a finding may cover no pixel centre.
            let bounds = mask.bounds()?;
            Some(DrawnFinding { kind: finding.kind, side: finding.side, zone: finding.zone, mask, bounds })
        });
        Ok(Phantom { seed: self.seed, size, levels, findings: findings.collect() })
    }
}

impl Phantom {
    /// Whether there is a finding of this kind.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.findings.iter().any(|f| f.kind == kind)
    }

    /// Every true sentence about it, see [`crate::sentences`].
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        crate::sentences(&self.findings)
    }
}
