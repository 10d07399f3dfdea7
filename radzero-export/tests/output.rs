//! The model directory: deterministic, complete or absent, and labelled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;

use radzero_export::{ExportError, PositionConvention, Stage, export};
use radzero_format::manifest::{ModelDirectory, sha256_bytes};
use safetensors::SafeTensors;
use support::{Fixture, Model, names};

#[test]
fn the_directory_is_complete_and_matches_its_manifest() {
    let fixture = Fixture::new();
    fixture.write();
    let written = export(&fixture.options(), |_| {}).unwrap();
    let directory = ModelDirectory::open(fixture.destination()).unwrap();
    directory.verify_files(|_| {}).unwrap();
    assert_eq!(directory.manifest(), &written);
    let expected = [
        "image_encoder.onnx",
        "image_encoder.onnx.data",
        "radzero.json",
        "self_test.safetensors",
        "text_encoder.onnx",
        "text_encoder.onnx.data",
        "tokenizer.json",
    ];
    assert_eq!(names(&fixture.destination()), expected);
    assert_eq!(names(fixture.destination().parent().unwrap()), ["model"]);

    assert_eq!((written.dimensions.grid, written.position_embedding.stored_grid), (2, 3));
    assert_eq!((written.dimensions.text_heads, written.text.max_tokens), (4, 18));
    let bytes = fs::read(fixture.destination().join("self_test.safetensors")).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(stored.tensor("token_indices").unwrap().shape(), [5]);
    assert_eq!(stored.tensor("tokens").unwrap().shape(), [5, 16]);
    assert_eq!(stored.tensor("embeddings").unwrap().shape(), [2, 16]);
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes() {
    // In different folders, as no path is written.
    let [first, second] = [Fixture::new(), Fixture::new()].map(|fixture| fixture.write().export().unwrap());
    assert_eq!(first, second);
    let folder = std::env::temp_dir().to_str().unwrap().to_owned();
    for (name, bytes) in &first {
        assert!(!bytes.windows(folder.len()).any(|window| window == folder.as_bytes()), "{name} names a folder");
    }
}

#[test]
fn every_graph_states_what_it_is() {
    let graphs = |fixture: &Fixture| {
        let mut options = fixture.options();
        options.weights_license = Some("CC-BY-NC-4.0".into());
        let manifest = export(&options, |_| {}).unwrap();
        let files = support::files(&fixture.destination());
        let [image, text] = [&manifest.image_encoder, &manifest.text_encoder].map(|graph| &graph.file);
        (manifest.clone(), [image, text].map(|file| Model::read(&files[file])))
    };
    let whole = Fixture::new();
    whole.write();
    let (manifest, models) = graphs(&whole);
    for model in models {
        assert_eq!(model.producer_name(), "radzero-export");
        assert_eq!(model.producer_version(), env!("CARGO_PKG_VERSION"));
        let metadata = model.metadata();
        assert_eq!(metadata["model_name"], "tiny");
        assert_eq!(metadata["model_license"], "CC-BY-NC-4.0");
        assert_eq!(metadata["checkpoint_sha256"], manifest.source.files["model.safetensors"].sha256.as_str());
        assert_eq!(metadata["generator"], concat!("radzero-export ", env!("CARGO_PKG_VERSION")));
        assert!(metadata["intended_use"].starts_with("Research use only"));
        assert_eq!(metadata.len(), 5);
        // The manifest agrees.
        let stated = [&manifest.name, &manifest.weights_license, &manifest.generator].map(String::as_str);
        assert_eq!(stated, [metadata["model_name"], metadata["model_license"], metadata["generator"]]);
    }

    let sharded = Fixture::new();
    sharded.write_sharded(3);
    let (manifest, models) = graphs(&sharded);
    let shards = manifest.source.files.iter().filter(|(name, _)| name.ends_with(".safetensors"));
    let lines: Vec<String> = shards.map(|(name, file)| format!("{}  {name}\n", file.sha256)).collect();
    assert_eq!(lines.len(), 3);
    let combined = sha256_bytes(lines.concat().as_bytes());
    assert!(models.iter().all(|model| model.metadata()["checkpoint_sha256"] == combined.as_str()));
}

#[test]
fn the_position_convention_changes_the_image_graph_only() {
    let fixture = Fixture::new();
    let offset = fixture.write().export().unwrap();
    let other = Fixture::new();
    other.write();
    let mut options = other.options();
    options.position_embedding = PositionConvention::Size;
    export(&options, |_| {}).unwrap();
    let size = support::files(&other.destination());
    assert_ne!(offset["image_encoder.onnx.data"], size["image_encoder.onnx.data"]);
    assert_eq!(offset["text_encoder.onnx.data"], size["text_encoder.onnx.data"]);
}

#[test]
fn weight_files_that_are_cut_or_mislabelled_are_refused() {
    let fixture = Fixture::new();
    fixture.write();
    let path = fixture.checkpoint().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let cuts = [0, 4, 8, 100, whole.len() / 2, whole.len() - 1].map(|cut| whole[..cut].to_vec());
    let pickle = [b"PK\x03\x04".as_slice(), &[0; 100]].concat();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec();
    let longer = [whole.as_slice(), b"x"].concat();
    for content in cuts.into_iter().chain([pickle, pointer, longer, b"\xff".repeat(64)]) {
        fs::write(&path, &content).unwrap();
        match fixture.failure() {
            ExportError::Safetensors { path: found, bytes, hint, .. } => {
                assert_eq!((found, bytes), (path.clone(), content.len() as u64));
                assert_eq!(hint.contains("PyTorch"), content.starts_with(b"PK"));
                assert_eq!(hint.contains("Git LFS"), content.starts_with(b"version"));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn missing_and_malformed_settings_name_the_file() {
    for name in ["config.json", "preprocessor_config.json", "tokenizer.json"] {
        let fixture = Fixture::new();
        fixture.write();
        let path = fixture.checkpoint().join(name);
        fs::write(&path, "{").unwrap();
        let error = fixture.failure();
        assert!(error.to_string().contains(name), "{error}");
        fs::remove_file(path).unwrap();
        let error = fixture.failure();
        assert!(matches!(error, ExportError::Io { .. }) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn weights_that_compute_nothing_finite_are_refused() {
    let mut fixture = Fixture::new();
    let stored = fixture.tensors.get_mut("vision_model.layernorm.bias").unwrap();
    stored.2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    fixture.write();
    assert!(matches!(fixture.failure(), ExportError::NotFinite { what: "the image tokens", .. }));
}

#[test]
fn what_is_there_stays_unless_forced_and_a_model() {
    let fixture = Fixture::new();
    let first = fixture.write().export().unwrap();
    let occupied = |error: ExportError| matches!(error, ExportError::Destination { .. });
    assert!(occupied(fixture.export().unwrap_err()));
    assert_eq!(support::files(&fixture.destination()), first);

    let mut options = fixture.options();
    options.force = true;
    options.name = Some("renamed".into());
    export(&options, |_| {}).unwrap();
    assert_eq!(ModelDirectory::open(fixture.destination()).unwrap().manifest().name, "renamed");
    assert_eq!(names(fixture.destination().parent().unwrap()), ["model"]);

    // With a file that does not belong to the model.
    fs::write(fixture.destination().join("notes.txt"), "mine").unwrap();
    let error = export(&options, |_| {}).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(fs::read(fixture.destination().join("notes.txt")).unwrap(), b"mine");

    // At the destination, a folder or a file that is not a model.
    for folder in [true, false] {
        options.destination = fixture.destination().with_file_name("other");
        if folder {
            fs::create_dir(&options.destination).unwrap();
        } else {
            fs::write(&options.destination, "mine").unwrap();
        }
        assert!(occupied(export(&options, |_| {}).unwrap_err()));
        assert_eq!(names(fixture.destination().parent().unwrap()), ["model", "other"]);
        let _ = fs::remove_dir(&options.destination);
    }
}

#[test]
fn a_failed_replacement_leaves_the_old_model() {
    let mut fixture = Fixture::new();
    let before = fixture.write().export().unwrap();
    fixture.tensors.remove("vision_model.layernorm.bias");
    fixture.write();
    let mut options = fixture.options();
    options.force = true;
    assert!(matches!(export(&options, |_| {}).unwrap_err(), ExportError::Tensors { .. }));
    assert_eq!(support::files(&fixture.destination()), before);
    assert_eq!(names(fixture.destination().parent().unwrap()), ["model"]);
}

#[test]
fn progress_goes_through_every_stage_to_its_end() {
    let fixture = Fixture::new();
    fixture.write();
    let mut reports = Vec::new();
    export(&fixture.options(), |progress| reports.push(progress)).unwrap();
    let mut stages: Vec<Stage> = reports.iter().map(|report| report.stage).collect();
    stages.dedup();
    assert_eq!(stages, [Stage::Hash, Stage::ImageEncoder, Stage::TextEncoder, Stage::SelfTest]);
    for stage in stages {
        let of_stage: Vec<_> = reports.iter().filter(|report| report.stage == stage).collect();
        assert_eq!(of_stage[0].done, 0);
        assert!(of_stage.windows(2).all(|pair| pair[0].done <= pair[1].done));
        let last = of_stage[of_stage.len() - 1];
        assert_eq!(last.done, last.total, "{stage}");
    }
}
