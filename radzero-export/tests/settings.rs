//! Settings: supported switches, and refusal of everything else by name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use radzero_export::{ExportError, SettingProblem, export};
use radzero_format::manifest::SimilarityOperator;
use serde_json::{Value, json};
use support::{Fixture, HIDDEN};

fn problems(fixture: &Fixture) -> Vec<SettingProblem> {
    fixture.write();
    match fixture.failure() {
        ExportError::Settings { problems, .. } => problems,
        other => panic!("settings error expected, found: {other}"),
    }
}

#[test]
fn unsupported_settings_are_refused_by_name_with_the_value_found() {
    let cases: &[(&str, Value, &str)] = &[
        ("/vision_config/model_type", json!("siglip"), "config.json: vision_config.model_type"),
        ("/vision_config/use_swiglu_ffn", json!(true), "config.json: vision_config.use_swiglu_ffn"),
        ("/vision_config/hidden_act", json!("relu"), "config.json: vision_config.hidden_act"),
        ("/vision_config/num_channels", json!(1), "config.json: vision_config.num_channels"),
        ("/vision_config/keep_aspect_ratio", json!(true), "config.json: vision_config.keep_aspect_ratio"),
        ("/vision_config/num_attention_heads", json!(3), "config.json: vision_config.num_attention_heads"),
        ("/vision_config/num_hidden_layers", json!(-1), "config.json: vision_config.num_hidden_layers"),
        ("/vision_config/layer_norm_eps", json!("tiny"), "config.json: vision_config.layer_norm_eps"),
        ("/vision_config/patch_size", json!([14, 16]), "config.json: vision_config.patch_size"),
        ("/align_transformer_config/model_type", json!("mlp"), "config.json: align_transformer_config.model_type"),
        ("/align_transformer_config/hidden_act", json!("silu"), "config.json: align_transformer_config.hidden_act"),
        ("/align_transformer_config/hidden_size", json!(32), "config.json: align_transformer_config.hidden_size"),
        ("/text_config/model_type", json!("bioclinicalmpbert"), "config.json: text_config.model_type"),
        ("/text_config/hidden_act", json!("gelu_new"), "config.json: text_config.hidden_act"),
        ("/compute_logits_type", json!("cls_alignment"), "config.json: compute_logits_type"),
        ("/kwargs/compute_logits_type", json!("global_alignment"), "config.json: kwargs.compute_logits_type"),
        ("/loss/apply", json!(["OpenClipLoss"]), "config.json: loss.apply"),
        ("/loss/apply", json!(["RadZeroLoss", "OpenClipLoss"]), "config.json: kwargs.loss.apply"),
        ("/loss/RadZeroLoss/sim_op", json!("l1"), "config.json: kwargs.loss.RadZeroLoss.sim_op"),
        ("/loss/RadZeroLoss/compute_i2t_loss", json!(true), "config.json: kwargs.loss.RadZeroLoss.compute_i2t_loss"),
        ("/loss/RadZeroLoss/hidden_dim", json!(768), "config.json: kwargs.loss.RadZeroLoss.hidden_dim"),
    ];
    for (pointer, value, field) in cases {
        let mut fixture = Fixture::new();
        let problems = problems(fixture.set(pointer, value.clone()));
        let problem = problems.iter().find(|problem| problem.field == *field);
        let problem = problem.unwrap_or_else(|| panic!("{field} not among {problems:?}"));
        assert_eq!(problem.found, value.to_string(), "{field}");
    }
}

#[test]
fn unsupported_preprocessing_is_refused_by_name() {
    let cases: &[(&str, Value)] = &[
        ("image_processor_type", json!("ViTImageProcessor")),
        ("image_processor_type", json!("M3AEImageProcessor")),
        ("do_center_crop", json!(true)),
        ("do_pad", json!(true)),
        ("do_resize", json!(false)),
        ("do_convert_rgb", json!(false)),
        ("resample", json!(2)),
        ("size", json!({ "shortest_edge": 28 })),
        ("size", json!({ "height": 28, "width": 42 })),
        ("image_std", json!([0.0, 1.0, 1.0])),
        ("image_mean", json!([0.5, 0.5])),
        ("rescale_factor", json!(0)),
    ];
    for (name, value) in cases {
        let mut fixture = Fixture::new();
        fixture.preprocessor[name] = value.clone();
        let problems = problems(&fixture);
        let field = format!("preprocessor_config.json: {name}");
        assert!(problems.iter().any(|problem| problem.field == field), "{field} not among {problems:?}");
    }
}

#[test]
fn each_known_processor_gives_its_geometry() {
    for (name, size, geometry) in [
        ("AspectRatioBlipImageProcessor", json!({ "height": 28, "width": 28 }), "pad-square"),
        ("BitImageProcessor", json!({ "shortest_edge": 28 }), "crop-square"),
    ] {
        let mut fixture = Fixture::new();
        fixture.preprocessor["image_processor_type"] = json!(name);
        fixture.preprocessor["size"] = size;
        if geometry == "crop-square" {
            fixture.preprocessor["crop_size"] = json!({ "height": 24, "width": 24 });
            let problems = problems(&fixture);
            assert_eq!(problems[0].field, "preprocessor_config.json: crop_size", "{problems:?}");
            fixture.preprocessor["crop_size"] = json!({ "height": 28, "width": 28 });
        }
        fixture.write();
        let manifest = export(&fixture.options(), |_| {}).unwrap();
        assert_eq!(json!(manifest.preprocessing.geometry), geometry);
    }
}

#[test]
fn all_problems_are_listed_at_once() {
    let mut fixture = Fixture::new();
    fixture.set("/vision_config/hidden_act", json!("relu")).set("/loss/RadZeroLoss/sim_op", json!("l1"));
    fixture.preprocessor["resample"] = json!(0);
    let fields: Vec<String> = problems(&fixture).into_iter().map(|problem| problem.field).collect();
    let expected = [
        "config.json: vision_config.hidden_act",
        "config.json: kwargs.loss.RadZeroLoss.sim_op",
        "preprocessor_config.json: resample",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn contradicting_loss_settings_are_refused_with_both_values() {
    let mut fixture = Fixture::new();
    fixture.config["loss"]["RadZeroLoss"]["sim_op"] = json!("dot");
    let problems = problems(&fixture);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field, "config.json: loss.RadZeroLoss.sim_op");
    assert_eq!(problems[0].found, "\"dot\"");
    assert!(problems[0].expected.contains("kwargs.loss.RadZeroLoss.sim_op, which is \"cos\""), "{}", problems[0]);
}

#[test]
fn loss_settings_that_only_training_reads_may_differ() {
    let mut fixture = Fixture::new();
    fixture.config["loss"]["RadZeroLoss"]["mpnce_row_sum"] = json!(true);
    fixture.write().export().unwrap();
}

#[test]
fn image_sizes_must_agree_and_fit_the_patches() {
    let mut fixture = Fixture::new();
    fixture.preprocessor["size"] = json!({ "height": 42, "width": 42 });
    let found = problems(&fixture);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].found.as_str(), found[0].expected.contains("28")), ("42", true), "{}", found[0]);

    let mut fixture = Fixture::new();
    fixture.set("/vision_config/img_size", json!(30));
    fixture.preprocessor["size"] = json!({ "height": 30, "width": 30 });
    assert!(problems(&fixture)[0].expected.contains("a multiple of the patch size, 14"));
}

#[test]
fn defaults_are_taken_and_recorded() {
    let mut fixture = Fixture::new();
    for name in ["mlp_ratio", "layer_norm_eps", "hidden_act", "qkv_bias", "model_type"] {
        fixture.set(&format!("/vision_config/{name}"), Value::Null);
    }
    // The default ratio is 4, the checkpoint's is 2.
    for layer in 0..2 {
        let mlp = format!("vision_model.encoder.layer.{layer}.mlp");
        fixture.add(&format!("{mlp}.fc1.weight"), &[4 * HIDDEN, HIDDEN]);
        fixture.add(&format!("{mlp}.fc1.bias"), &[4 * HIDDEN]).add(&format!("{mlp}.fc2.weight"), &[HIDDEN, 4 * HIDDEN]);
    }
    fixture.set("/align_transformer_config/model_type", json!(""));
    fixture.write();
    let manifest = export(&fixture.options(), |_| {}).unwrap();
    let assumed = |field: &str| {
        manifest.assumed.iter().find(|assumption| assumption.field == field).map(|assumption| assumption.value.clone())
    };
    assert_eq!(assumed("config.json: vision_config.mlp_ratio").as_deref(), Some("4"));
    assert_eq!(assumed("config.json: vision_config.layer_norm_eps").as_deref(), Some("0.000001"));
    assert_eq!(assumed("config.json: vision_config.hidden_act").as_deref(), Some("gelu"));
    assert_eq!(assumed("config.json: vision_config.qkv_bias").as_deref(), Some("true"));
    assert_eq!(assumed("config.json: vision_config.model_type").as_deref(), Some("dinov2"));
    assert_eq!(assumed("config.json: align_transformer_config.model_type").as_deref(), Some("align_transformer"));
    assert_eq!(assumed("config.json: text_config.relative_attention_max_distance").as_deref(), Some("128"));
    assert_eq!(assumed("config.json: vision_config.hidden_size"), None, "stated, so not assumed");
}

#[test]
fn switches_reach_the_manifest_and_the_tensor_list() {
    let mut fixture = Fixture::new();
    fixture.set("/loss/RadZeroLoss/attn_temperature", json!(0.1));
    fixture.set("/loss/RadZeroLoss/use_vision_cls_token", json!(false));
    fixture.set("/align_transformer_config/use_layer_norm", json!(true));
    fixture.set("/text_config/use_text_projection", json!(true));
    fixture.add("loss_fns.RadZeroLoss.attn_temperature", &[1]);
    fixture.add("align_transformer.layer_norm.weight", &[HIDDEN]).add("align_transformer.layer_norm.bias", &[HIDDEN]);
    fixture.add("text_projector.weight", &[2 * HIDDEN, HIDDEN]).add("text_projector.bias", &[2 * HIDDEN]);
    fixture.write();
    let similarity = export(&fixture.options(), |_| {}).unwrap().similarity;
    assert_eq!(similarity.operator, SimilarityOperator::Cos);
    assert!(!similarity.use_cls_token);
    let log = |name: &str| {
        let bytes = &fixture.tensors[&format!("loss_fns.RadZeroLoss.{name}")].2;
        f32::from_le_bytes(bytes[..4].try_into().unwrap())
    };
    assert_eq!(similarity.temperature, log("loss_temperature").exp());
    assert_eq!(similarity.score_temperature, Some(log("attn_temperature").exp()));
}

#[test]
fn dot_products_have_no_score_temperature() {
    let mut fixture = Fixture::new();
    fixture.set("/loss/RadZeroLoss/sim_op", json!("dot")).set("/loss/RadZeroLoss/attn_temperature", json!(0.1));
    fixture.add("loss_fns.RadZeroLoss.attn_temperature", &[1]).write();
    let similarity = export(&fixture.options(), |_| {}).unwrap().similarity;
    assert_eq!((similarity.operator, similarity.score_temperature), (SimilarityOperator::Dot, None));
}

#[test]
fn a_tokenizer_of_another_vocabulary_is_refused() {
    let mut fixture = Fixture::new();
    fixture.tokenizer["model"]["vocab"]["extra"] = json!(16);
    fixture.write();
    let error = fixture.failure();
    assert!(matches!(&error, ExportError::Tokenizer { .. }), "{error}");
    assert!(error.to_string().contains("has id 16, but the text encoder has 16 words"), "{error}");
}
