//! The settings of `RadZeroLoss` in config.json, which stand under `loss`, under `kwargs.loss`, or in both places.

use radzero_core::manifest::SimilarityOperator;
use serde_json::{Value, json};

use super::architecture::LossSettings;
use super::settings::{Findings, Section};

const DEFAULT: &str = "not stated; the default of the published RadZeroLoss";
const NAME: &str = "RadZeroLoss";

/// Fields that reach inference, with the value that the published code takes where they are absent.
fn meaningful() -> [(&'static str, Value); 7] {
    [
        ("hidden_dim", json!(768)),
        ("use_vision_cls_token", json!(true)),
        ("attn_temperature", Value::Null),
        ("text_features_l2_norm", json!(false)),
        ("sim_op", json!("dot")),
        ("use_layer_norm", json!(true)),
        ("compute_i2t_loss", json!(false)),
    ]
}

/// Fields that only training reads; the temperature itself is a tensor.
const TRAINING: [&str; 5] = ["loss_temperature", "mpnce_row_sum", "mpnce_col_sum", "rank", "world_size"];

pub(super) fn read(root: &Section<'_>, hidden: usize, findings: &mut Findings) -> LossSettings {
    let kwargs = root.section("kwargs", findings);
    let places = [root.section("loss", findings), kwargs.section("loss", findings)];
    let loss = match &places {
        // The code reads this one.
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
        for (name, default) in meaningful() {
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
    let mut flag = |name, default| {
        let value = loss.boolean(name, findings);
        loss.or(name, value, default, DEFAULT, findings)
    };
    let use_vision_cls_token = flag("use_vision_cls_token", true);
    let text_features_l2_norm = flag("text_features_l2_norm", false);
    let layer_norm = flag("use_layer_norm", true);
    if layer_norm {
        findings.assume(&loss.field("layer_norm.eps"), 1e-5, "not stated; PyTorch's default");
    }
    loss.require("compute_i2t_loss", &json!(false), findings);

    let dim = loss.count("hidden_dim", 1, 1 << 16, findings);
    let dim = loss.or("hidden_dim", dim, 768, DEFAULT, findings);
    if dim != hidden {
        let expected = format!("{hidden}, as config.json: align_transformer_config.hidden_size");
        findings.refuse(&loss.field("hidden_dim"), dim, expected);
    }
    let operator = loss.text("sim_op", findings);
    let operator = match loss.or("sim_op", operator, "dot", DEFAULT, findings) {
        "cos" => SimilarityOperator::Cos,
        "dot" => SimilarityOperator::Dot,
        other => {
            findings.refuse(&loss.field("sim_op"), json!(other), "\"cos\" or \"dot\"");
            SimilarityOperator::Cos
        }
    };
    let attn_temperature = loss.positive("attn_temperature", findings).is_some();
    // The published class swallows every other keyword; that this one is of that kind is recorded.
    let known: Vec<_> = meaningful().iter().map(|(name, _)| *name).chain(TRAINING).collect();
    for name in loss.names().filter(|name| !known.contains(&name.as_str())) {
        let value = loss.get(name).unwrap_or(&Value::Null);
        findings.assume(&loss.field(name), value, "without effect; the published RadZeroLoss does not know it");
    }
    LossSettings { operator, attn_temperature, use_vision_cls_token, layer_norm, text_features_l2_norm }
}
