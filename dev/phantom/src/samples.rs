//! Phantoms for demonstrations: a normal chest, four with one clear finding each, and one with two.

use crate::{Kind, Plan};

/// A phantom with a name.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Usable as a file name: lower case, without spaces.
    pub name: &'static str,
    /// The seed of the chest.
    pub seed: u64,
    /// The findings.
    pub kinds: &'static [Kind],
}

impl Sample {
    /// The plan to draw.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::with(self.seed, self.kinds)
    }
}

/// The samples. Training and measurement use other seeds.
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
