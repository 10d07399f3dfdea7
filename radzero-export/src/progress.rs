//! Progress of an export.

use std::fmt;

/// A step of the export. Steps run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Hashes the checkpoint's files; in bytes.
    Hash,
    /// Measures activations on calibration images; in transformer blocks.
    Calibration,
    /// Writes the image graph's weights; in bytes.
    ImageEncoder,
    /// Writes the text graph's weights; in bytes.
    TextEncoder,
    /// Computes the self-test; in transformer blocks.
    SelfTest,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hash => "hashing the checkpoint",
            Self::Calibration => "calibrating on images",
            Self::ImageEncoder => "writing the image encoder",
            Self::TextEncoder => "writing the text encoder",
            Self::SelfTest => "computing the self-test",
        })
    }
}

/// A progress report of [`export`](crate::export()).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The current step.
    pub stage: Stage,
    /// Completed units.
    pub done: u64,
    /// Units in this step.
    pub total: u64,
}

/// Counts the units of one step and reports them.
pub(crate) struct Counter<'a> {
    report: &'a mut dyn FnMut(Progress),
    state: Progress,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(report: &'a mut dyn FnMut(Progress), stage: Stage, total: u64) -> Self {
        let state = Progress { stage, done: 0, total };
        report(state);
        Self { report, state }
    }

    pub(crate) fn add(&mut self, units: u64) {
        self.state.done = self.state.total.min(self.state.done + units);
        (self.report)(self.state);
    }

    /// Completes the step, even if its size was only estimated.
    pub(crate) fn finish(&mut self) {
        self.add(self.state.total);
    }
}
