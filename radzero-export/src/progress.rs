//! How far an export has come.

use std::fmt;

/// A step of the export, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The checkpoint's files are hashed; counted in bytes.
    Hash,
    /// Activations on calibration images are looked at; counted in transformer blocks.
    Calibration,
    /// The image graph's weights are written; counted in bytes.
    ImageEncoder,
    /// The text graph's weights are written; counted in bytes.
    TextEncoder,
    /// The self-test is computed; counted in transformer blocks.
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

/// What [`export`](crate::export()) tells its caller while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step that runs.
    pub stage: Stage,
    /// Units done, of `total`.
    pub done: u64,
    /// Units in this step.
    pub total: u64,
}

/// Counts the units of one step and passes them on.
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

    /// The step is over, also where its size was an estimate.
    pub(crate) fn finish(&mut self) {
        self.add(self.state.total);
    }
}
