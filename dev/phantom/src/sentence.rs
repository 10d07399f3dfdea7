//! The sentences that describe a phantom.

use crate::{DrawnFinding, Kind, Side, Zone};

/// "There is mass".
#[must_use]
pub fn present(kind: Kind) -> String {
    format!("There is {}", kind.words())
}

/// "There is no mass".
#[must_use]
pub fn absent(kind: Kind) -> String {
    format!("There is no {}", kind.words())
}

/// "There is mass on the right".
#[must_use]
pub fn on_side(kind: Kind, side: Side) -> String {
    format!("There is {} on the {}", kind.words(), side.word())
}

/// "There is mass in the right upper zone".
#[must_use]
pub fn in_zone(kind: Kind, side: Side, zone: Zone) -> String {
    format!("There is {} in the {} {} zone", kind.words(), side.word(), zone.word())
}

/// Every true sentence of these four forms about the findings, without repetition, in the order of [`Kind::ALL`].
#[must_use]
pub fn sentences(findings: &[DrawnFinding]) -> Vec<String> {
    let mut sentences = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&DrawnFinding> = findings.iter().filter(|f| f.kind == kind).collect();
        sentences.push(if of_kind.is_empty() { absent(kind) } else { present(kind) });
        for side in Side::ALL {
            let on: Vec<&&DrawnFinding> = of_kind.iter().filter(|f| f.side == Some(side)).collect();
            if !on.is_empty() {
                sentences.push(on_side(kind, side));
            }
            for zone in Zone::ALL {
                if on.iter().any(|f| f.zone == Some(zone)) {
                    sentences.push(in_zone(kind, side, zone));
                }
            }
        }
    }
    sentences
}
