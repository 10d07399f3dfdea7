//! Phantoms for demonstrations: each shows one finding clearly, apart from the normal and the last one.

use crate::{Kind, Plan};

/// A phantom with a name that can be a file name.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Lower case, without spaces.
    pub name: &'static str,
    /// The chest.
    pub seed: u64,
    /// The findings.
    pub kinds: &'static [Kind],
}

impl Sample {
    /// Its shapes, to be drawn at any size.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::with(self.seed, self.kinds)
    }
}

/// The samples. Their seeds are apart from those of training and measurement.
#[must_use]
pub fn samples() -> &'static [Sample] {
    &[
        Sample { name: "normal", seed: 9_000_001, kinds: &[] },
        Sample { name: "nodule", seed: 9_000_015, kinds: &[Kind::Nodule] },
        Sample { name: "effusion", seed: 9_000_003, kinds: &[Kind::Effusion] },
        Sample { name: "pneumothorax", seed: 9_000_004, kinds: &[Kind::Pneumothorax] },
        Sample { name: "consolidation", seed: 9_000_022, kinds: &[Kind::Consolidation] },
        Sample { name: "mass-pacemaker", seed: 9_000_006, kinds: &[Kind::Mass, Kind::Pacemaker] },
    ]
}
