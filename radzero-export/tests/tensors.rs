//! Tensors: names, shapes, types and files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use half::{bf16, f16};
use prost::Message as _;
use radzero_export::{ExportError, Rename, TensorProblem, export};
use radzero_format::manifest::TensorNames;
use safetensors::Dtype;
use support::{Fixture, HIDDEN, Model, files};

/// The files without what identifies the source: the manifest and the metadata of the graphs.
fn graphs(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.remove("radzero.json").unwrap();
    for name in ["image_encoder.onnx", "text_encoder.onnx"] {
        let file = files.get_mut(name).unwrap();
        let mut model = Model::read(file);
        model.metadata_props.clear();
        *file = model.encode_to_vec();
    }
    assert_eq!(files.len(), 6);
    files
}

fn newer(name: &str) -> String {
    ["query", "key", "value"]
        .iter()
        .fold(name.to_owned(), |name, part| {
            name.replace(&format!("attention.attention.{part}"), &format!("attention.{}_proj", &part[..1]))
        })
        .replace("attention.output.dense", "attention.o_proj")
}

fn problems(fixture: &Fixture) -> Vec<TensorProblem> {
    fixture.write();
    match fixture.failure() {
        ExportError::Tensors { problems, .. } => problems,
        other => panic!("tensor error expected, found: {other}"),
    }
}

#[test]
fn every_difference_is_listed_in_one_error() {
    let mut fixture = Fixture::new();
    let stored = fixture.tensors.remove("vision_model.layernorm.weight").unwrap();
    fixture.tensors.insert("vision_model.layer_norm.weight".into(), stored);
    fixture.tensors.remove("text_model.encoder.layer.1.attention.attn.q.bias");
    fixture.add("vision_model.embeddings.cls_token", &[1, HIDDEN]);
    fixture.add("vision_model.embeddings.position_embeddings", &[1, 11, HIDDEN]);
    fixture.add("align_transformer.adapter.weight", &[4, 4]);
    fixture.tensors.get_mut("vision_model.layernorm.bias").unwrap().0 = Dtype::I32;
    let lines: Vec<String> = problems(&fixture).iter().map(ToString::to_string).collect();
    let expected = [
        "shape: vision_model.embeddings.cls_token is [1, 16], expected [1, 1, 16]",
        "shape: vision_model.embeddings.position_embeddings is [1, 11, 16], expected [1, 1 + m * m, 16]",
        "type: vision_model.layernorm.bias is I32, expected F32, F16 or BF16",
        "missing: vision_model.layernorm.weight [16] \
         (nearest names: vision_model.layer_norm.weight)",
        "missing: text_model.encoder.layer.1.attention.attn.q.bias [16]",
        "surplus: align_transformer.adapter.weight [4, 4]",
        "surplus: vision_model.layer_norm.weight [16]",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} should start with {expected}");
    }
}

#[test]
fn a_missing_text_layer_and_missing_sizes_are_reported() {
    let mut fixture = Fixture::new();
    fixture.tensors.retain(|name, _| !name.starts_with("text_model."));
    let problems = problems(&fixture);
    let missing: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(missing.iter().any(|line| line.contains("word_embeddings.weight [vocabulary, 16]")), "{missing:#?}");
    assert!(missing.iter().any(|line| line.contains("layer.0.intermediate.dense.weight [intermediate, 16]")));
    assert!(missing.iter().any(|line| line.contains("relative_attention_bias.weight [32, heads]")));
}

#[test]
fn a_gap_in_the_text_layers_is_seen() {
    let mut fixture = Fixture::new();
    fixture.rename(|name| name.replace("text_model.encoder.layer.1.", "text_model.encoder.layer.999999999."));
    let problems = problems(&fixture);
    assert_eq!(problems.len(), 32);
    let missing = |problem: &&TensorProblem| matches!(problem, TensorProblem::Missing { .. });
    assert_eq!(problems.iter().filter(missing).count(), 16);
}

#[test]
fn heads_must_divide_the_text_width() {
    let mut fixture = Fixture::new();
    fixture.add("text_model.encoder.relative_attention_bias.weight", &[32, 3]).write();
    let error = fixture.failure();
    assert!(
        matches!(&error, ExportError::Settings { problems, .. } if problems[0].found.contains("3 heads")),
        "{error}"
    );
}

#[test]
fn both_name_generations_give_the_same_graphs() {
    let older = Fixture::new();
    let mut other = Fixture::new();
    other.rename(newer);
    assert_ne!(older.tensors.keys().collect::<Vec<_>>(), other.tensors.keys().collect::<Vec<_>>());
    other.write();
    let manifest = export(&other.options(), |_| {}).unwrap();
    assert_eq!(manifest.source.tensor_names, TensorNames::Transformers5);
    assert_eq!(graphs(files(&other.destination())), graphs(older.write().export().unwrap()));
}

#[test]
fn both_generations_of_one_tensor_are_surplus() {
    let mut fixture = Fixture::new();
    fixture.add("vision_model.encoder.layer.0.attention.o_proj.bias", &[HIDDEN]);
    let problems = problems(&fixture);
    assert!(
        matches!(&problems[..], [TensorProblem::Surplus { name, .. }] if name.ends_with("o_proj.bias")),
        "{problems:?}"
    );
}

#[test]
fn a_common_prefix_is_stripped() {
    let plain = graphs(Fixture::new().write().export().unwrap());
    let mut fixture = Fixture::new();
    fixture.rename(|name| format!("model.{name}"));
    assert_eq!(graphs(fixture.write().export().unwrap()), plain);
}

#[test]
fn a_prefix_of_one_part_is_not_guessed() {
    let mut fixture = Fixture::new();
    fixture.rename(|name| if name.starts_with("vision_model.") { format!("model.{name}") } else { name.into() });
    let problems = problems(&fixture);
    let nearest = problems.iter().find_map(|problem| match problem {
        TensorProblem::Missing { name, nearest, .. } if name == "vision_model.layernorm.bias" => nearest.first(),
        _ => None,
    });
    assert_eq!(nearest.unwrap(), "model.vision_model.layernorm.bias");
}

#[test]
fn rename_replaces_prefixes() {
    let plain = graphs(Fixture::new().write().export().unwrap());
    let mut fixture = Fixture::new();
    fixture.rename(|name| name.replace("vision_model.", "image.tower.").replace("loss_fns.RadZeroLoss.", "head."));
    fixture.write();
    let mut options = fixture.options();
    let rule = |from: &str, to: &str| Rename { from: from.into(), to: to.into() };
    options.renames = vec![rule("image.tower.", "vision_model."), rule("head.", "loss_fns.RadZeroLoss.")];
    export(&options, |_| {}).unwrap();
    assert_eq!(graphs(files(&fixture.destination())), plain);
}

#[test]
fn rename_rules_that_do_nothing_or_collide_are_errors() {
    let fixture = Fixture::new();
    fixture.write();
    let mut options = fixture.options();
    options.renames = vec![Rename { from: "encoder.".into(), to: String::new() }];
    let error = export(&options, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "rename encoder.=: no tensor's name starts so");

    options.renames =
        vec![Rename { from: "vision_model.encoder.layer.1.".into(), to: "vision_model.encoder.layer.0.".into() }];
    let error = export(&options, |_| {}).unwrap_err();
    assert!(matches!(&error, ExportError::Rename { problem, .. } if problem.contains("would both be")), "{error}");
}

#[test]
fn shards_equal_a_single_file() {
    let single = graphs(Fixture::new().write().export().unwrap());
    let fixture = Fixture::new();
    fixture.write_sharded(3);
    let manifest = export(&fixture.options(), |_| {}).unwrap();
    assert_eq!(graphs(files(&fixture.destination())), single);
    assert_eq!(manifest.source.files.len(), 7, "three settings, the index and three shards");
}

#[test]
fn a_shard_index_that_does_not_fit_is_an_error() {
    let fixture = Fixture::new();
    fixture.write_sharded(2);
    let index = fixture.checkpoint().join("model.safetensors.index.json");
    fs::remove_file(fixture.checkpoint().join("model-00002-of-00002.safetensors")).unwrap();
    let error = fixture.failure();
    assert!(
        matches!(&error, ExportError::ShardIndex { problems, .. }
        if problems[0] == "model-00002-of-00002.safetensors is missing"),
        "{error}"
    );

    fixture.write_sharded(2);
    let text = fs::read_to_string(&index).unwrap().replacen("\"vision_model.layernorm.bias\"", "\"elsewhere\"", 1);
    fs::write(&index, text).unwrap();
    let error = fixture.failure();
    assert!(matches!(&error, ExportError::ShardIndex { problems, .. } if problems.len() == 2), "{error}");

    fs::write(&index, r#"{"weight_map": {"x": "../model.safetensors"}}"#).unwrap();
    assert!(fixture.failure().to_string().contains("is not a plain file name"));
}

#[test]
fn no_weights_and_two_sets_of_weights_are_errors() {
    let fixture = Fixture::new();
    fixture.write_settings();
    assert!(matches!(fixture.failure(), ExportError::WeightFiles { found: "no weights", .. }));
    fixture.write().write_sharded(2);
    assert!(matches!(fixture.failure(), ExportError::WeightFiles { .. }));
}

#[test]
fn half_precision_weights_give_the_same_graphs_where_they_are_exact() {
    let plain = graphs(Fixture::new().write().export().unwrap());
    // Values around 0 have at most 8 significant bits, as BF16; those around 1 are in vectors and have at most 11, as F16.
    let mut half = Fixture::new();
    for (dtype, shape_is_one, bytes) in half.tensors.values_mut().map(|(d, s, b)| (d, s.len() == 1, b)) {
        let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        (*dtype, *bytes) = if shape_is_one {
            (Dtype::F16, values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect())
        } else {
            (Dtype::BF16, values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect())
        };
    }
    assert_eq!(graphs(half.write().export().unwrap()), plain);
}
