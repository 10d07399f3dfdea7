//! The phantom model works: it tells findings apart, points at them, outlines them and knows right from left.
//!
//! The same figures as `cargo run --release --package radzero-models`, on fewer phantoms and so with wider bounds: about 16 of
//! the 80 phantoms have each finding, so each of these counts 0.06.

#![allow(clippy::unwrap_used, missing_docs)]

use radzero_core::RadZero;
use radzero_models::measure::{HELD_OUT, measure};
use radzero_models::report::Report;
use radzero_models::targets::Targets;

const TARGETS: Targets = Targets {
    auroc_mean: 0.98,
    auroc: 0.94,
    pointing_mean: 0.85,
    pointing: 0.6,
    dice_mean: 0.5,
    says: 0.87,
    sides: 0.9,
    quiet: 0.95,
};

#[test]
fn the_model_sees() {
    let exported = radzero_models::phantom().unwrap();
    let model = RadZero::open(exported.path()).unwrap();
    // Other phantoms than those of the model card.
    let first = HELD_OUT + 10_000;
    let measured = measure(&model, first..first + 80).unwrap();
    let missed = TARGETS.missed(&measured);
    assert!(missed.is_empty(), "{}\n{}", missed.join("\n"), Report { measured: &measured, targets: TARGETS });
}

/// The maps of meaningless sentences stay low, compared with that of a true one.
#[test]
fn unrelated_sentences_stay_low() {
    let exported = radzero_models::phantom().unwrap();
    let model = RadZero::open(exported.path()).unwrap();
    for sample in radzero_phantom::samples().iter().filter(|sample| !sample.kinds.is_empty()) {
        let phantom = sample.plan().draw(radzero_phantom::Size::square(448)).unwrap();
        let radiograph = radzero_models::measure::radiograph(&phantom).unwrap();
        let true_one = radzero_phantom::present(sample.kinds[0]);
        let found = model.infer(&radiograph, &[true_one.as_str(), "There is xylophone", "qwerty"]).unwrap();
        let peak = found[0].peak().value;
        for other in &found[1..] {
            assert!(other.peak().value < 0.5 * peak, "{}: {} against {peak}", other.prompt(), other.peak().value);
        }
    }
}
