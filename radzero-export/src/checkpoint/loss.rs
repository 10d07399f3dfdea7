//! Reads the settings of `RadZeroLoss` in config.json, under `loss`, `kwargs.loss` or both.

use radzero_format::manifest::SimilarityOperator;
use serde_json::{Value, json};

use super::architecture::LossSettings;
use super::settings::{Findings, Section};

const DEFAULT: &str = "not stated; the default of the published RadZeroLoss";
const NAME: &str = "RadZeroLoss";

/// A switch of the published class, with its default.
type Switch = (&'static str, bool);

const USE_VISION_CLS_TOKEN: Switch = ("use_vision_cls_token", true);
const TEXT_FEATURES_L2_NORM: Switch = ("text_features_l2_norm", false);
const USE_LAYER_NORM: Switch = ("use_layer_norm", true);
const COMPUTE_I2T_LOSS: Switch = ("compute_i2t_loss", false);
const SWITCHES: [Switch; 4] = [USE_VISION_CLS_TOKEN, TEXT_FEATURES_L2_NORM, USE_LAYER_NORM, COMPUTE_I2T_LOSS];

const HIDDEN_DIM: (&str, usize) = ("hidden_dim", 768);
const SIM_OP: (&str, &str) = ("sim_op", "dot");
const ATTN_TEMPERATURE: &str = "attn_temperature";

/// The fields that affect inference, with the published code's defaults.
fn inference_fields() -> Vec<(&'static str, Value)> {
    let others = [(HIDDEN_DIM.0, json!(HIDDEN_DIM.1)), (SIM_OP.0, json!(SIM_OP.1)), (ATTN_TEMPERATURE, Value::Null)];
    SWITCHES.into_iter().map(|(name, default)| (name, json!(default))).chain(others).collect()
}

/// The fields that only training reads. `loss_temperature` is one: the temperature itself is a tensor.
const TRAINING_FIELDS: [&str; 5] = ["loss_temperature", "mpnce_row_sum", "mpnce_col_sum", "rank", "world_size"];

pub(super) fn read(root: &Section<'_>, hidden: usize, findings: &mut Findings) -> LossSettings {
    let kwargs = root.section("kwargs", findings);
    let places = [root.section("loss", findings), kwargs.section("loss", findings)];
    let loss = match &places {
        // The published code reads this one.
        [_, inner] if inner.exists() => inner,
        [outer, _] => outer,
    };
    if !loss.exists() {
        findings.refuse(&root.field("loss"), "missing", "the loss settings, here or under kwargs");
    }
    for place in places.iter().filter(|place| place.exists()) {
        let apply = place.get("apply").unwrap_or(&Value::Null);
        if *apply != json!([NAME]) {
            findings.refuse(&place.field("apply"), apply, json!([NAME]).to_string());
        }
    }
    let inner = loss.section(NAME, findings);
    if places.iter().all(Section::exists) {
        let [outer, inner] = places.each_ref().map(|place| place.section(NAME, findings));
        for (name, default) in inference_fields() {
            let values = [&outer, &inner].map(|section| section.get(name).unwrap_or(&default));
            if values[0] != values[1] {
                findings.refuse(
                    &outer.field(name),
                    values[0],
                    format!("the same as {}, which is {}", inner.field(name), values[1]),
                );
            }
        }
    }
    settings(&inner, hidden, findings)
}

fn settings(loss: &Section<'_>, hidden: usize, findings: &mut Findings) -> LossSettings {
    let mut switch = |(name, default): Switch| {
        let value = loss.boolean(name, findings);
        loss.or(name, value, default, DEFAULT, findings)
    };
    let use_vision_cls_token = switch(USE_VISION_CLS_TOKEN);
    let text_features_l2_norm = switch(TEXT_FEATURES_L2_NORM);
    let layer_norm = switch(USE_LAYER_NORM);
    if layer_norm {
        findings.assume(&loss.field("layer_norm.eps"), 1e-5, "not stated; PyTorch's default");
    }
    loss.require(COMPUTE_I2T_LOSS.0, &json!(COMPUTE_I2T_LOSS.1), findings);

    let dim = loss.count(HIDDEN_DIM.0, 1, 1 << 16, findings);
    let dim = loss.or(HIDDEN_DIM.0, dim, HIDDEN_DIM.1, DEFAULT, findings);
    if dim != hidden {
        let expected = format!("{hidden}, as config.json: align_transformer_config.hidden_size");
        findings.refuse(&loss.field(HIDDEN_DIM.0), dim, expected);
    }
    let operator = loss.text(SIM_OP.0, findings);
    let operator = match loss.or(SIM_OP.0, operator, SIM_OP.1, DEFAULT, findings) {
        "cos" => SimilarityOperator::Cos,
        "dot" => SimilarityOperator::Dot,
        other => {
            findings.refuse(&loss.field(SIM_OP.0), json!(other), "\"cos\" or \"dot\"");
            SimilarityOperator::Cos
        }
    };
    let attn_temperature = loss.positive(ATTN_TEMPERATURE, findings).is_some();
    // The published class ignores unknown keywords; those found are recorded.
    let known: Vec<_> = inference_fields().iter().map(|(name, _)| *name).chain(TRAINING_FIELDS).collect();
    for name in loss.names().filter(|name| !known.contains(&name.as_str())) {
        let value = loss.get(name).unwrap_or(&Value::Null);
        findings.assume(&loss.field(name), value, "without effect; the published RadZeroLoss does not know it");
    }
    LossSettings { operator, attn_temperature, use_vision_cls_token, layer_norm, text_features_l2_norm }
}
