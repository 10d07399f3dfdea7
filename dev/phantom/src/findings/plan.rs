//! Which findings a phantom has. Large ones are placed first, smaller ones over and beside them.

use super::place::seek;
use super::{
    Finding, atelectasis, cardiomegaly, consolidation, effusion, fracture, pacemaker, pneumothorax, round_lesion,
};
use crate::Kind;
use crate::anatomy::Anatomy;
use crate::random::Random;

/// How often a phantom has no finding at all.
const NORMAL: f64 = 0.12;
/// How often each finding is tried in the other phantoms; about one phantom in five gets it.
const PREVALENCE: f64 = 0.24;

/// The findings of a seed: those of `kinds`, or a random choice.
pub(crate) fn plan(seed: u64, kinds: Option<&[Kind]>, anatomy: &mut Anatomy) -> Vec<Finding> {
    let mut choice = Random::new(seed, 2);
    let normal = choice.chance(NORMAL);
    let mut findings = Vec::new();
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let chosen = choice.chance(PREVALENCE) && !normal;
        if kinds.map_or(chosen, |kinds| kinds.contains(&kind)) {
            add(kind, anatomy, &mut findings, &mut Random::new(seed, 16 + index as u64));
        }
    }
    findings
}

fn add(kind: Kind, anatomy: &mut Anatomy, findings: &mut Vec<Finding>, random: &mut Random) {
    let count = match kind {
        Kind::Nodule | Kind::Fracture if random.chance(0.3) => 2,
        Kind::Effusion if random.chance(0.25) => 2,
        _ => 1,
    };
    for _ in 0..count {
        let finding = match kind {
            Kind::Cardiomegaly => Some(cardiomegaly::cardiomegaly(anatomy, random)),
            Kind::Effusion => effusion::effusion(findings, random),
            Kind::Pneumothorax => Some(pneumothorax::pneumothorax(random)),
            Kind::Pacemaker => Some(pacemaker::pacemaker(anatomy, random)),
            Kind::Mass => seek(anatomy, findings, random, round_lesion::mass),
            Kind::Consolidation => seek(anatomy, findings, random, consolidation::consolidation),
            Kind::Atelectasis => seek(anatomy, findings, random, atelectasis::atelectasis),
            Kind::Nodule => seek(anatomy, findings, random, round_lesion::nodule),
            Kind::Fracture => seek(anatomy, findings, random, fracture::fracture),
        };
        if let Some(finding) = finding {
            finding.shape.alter(anatomy);
            findings.push(finding);
        }
    }
}
