//! The names of findings, sides and zones.

use crate::random::Random;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A heart wider than 0.58 of the chest.
    Cardiomegaly,
    /// Fluid in the pleural space.
    Effusion,
    /// Air in the pleural space.
    Pneumothorax,
    /// A pacemaker with its lead.
    Pacemaker,
    /// A round lesion of 14 to 21 % of the image's width.
    Mass,
    /// Airspace filled with something other than air, with an ill-defined border.
    Consolidation,
    /// Plate atelectasis: one or two bands.
    Atelectasis,
    /// A round lesion of 5 to 9 % of the image's width.
    Nodule,
    /// A displaced rib fracture.
    Fracture,
}

impl Kind {
    /// All kinds, in the order in which they are placed.
    pub const ALL: [Kind; 9] = [
        Kind::Cardiomegaly,
        Kind::Effusion,
        Kind::Pneumothorax,
        Kind::Pacemaker,
        Kind::Mass,
        Kind::Consolidation,
        Kind::Atelectasis,
        Kind::Nodule,
        Kind::Fracture,
    ];

    /// The name used in sentences.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Kind::Cardiomegaly => "cardiomegaly",
            Kind::Effusion => "pleural effusion",
            Kind::Pneumothorax => "pneumothorax",
            Kind::Pacemaker => "pacemaker",
            Kind::Mass => "mass",
            Kind::Consolidation => "consolidation",
            Kind::Atelectasis => "atelectasis",
            Kind::Nodule => "nodule",
            Kind::Fracture => "fracture",
        }
    }

    /// Whether it lies on one side of the chest.
    #[must_use]
    pub fn has_side(self) -> bool {
        self != Kind::Cardiomegaly
    }

    /// Whether it lies in a zone of a lung.
    #[must_use]
    pub fn has_zone(self) -> bool {
        matches!(self, Kind::Mass | Kind::Consolidation | Kind::Atelectasis | Kind::Nodule | Kind::Fracture)
    }
}

/// A side of the patient: right is on the left of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The patient's right.
    Right,
    /// The patient's left.
    Left,
}

impl Side {
    /// Both sides.
    pub const ALL: [Side; 2] = [Side::Right, Side::Left];

    /// The opposite side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Side::Right => Side::Left,
            Side::Left => Side::Right,
        }
    }

    /// The word used in sentences.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Side::Right => "right",
            Side::Left => "left",
        }
    }

    pub(crate) fn random(random: &mut Random) -> Self {
        if random.chance(0.5) { Side::Right } else { Side::Left }
    }
}

/// A third of a lung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// The upper third.
    Upper,
    /// The middle third.
    Middle,
    /// The lower third.
    Lower,
}

impl Zone {
    /// All zones, from the top.
    pub const ALL: [Zone; 3] = [Zone::Upper, Zone::Middle, Zone::Lower];

    /// The word used in sentences.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Zone::Upper => "upper",
            Zone::Middle => "middle",
            Zone::Lower => "lower",
        }
    }
}
