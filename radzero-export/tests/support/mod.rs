//! A tiny checkpoint with seeded weights that tests alter and write, and a reader of exported graphs.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test programs, each of which uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use radzero_export::{ExportError, ExportOptions, export};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const HIDDEN: usize = 16;
const VOCABULARY: usize = 16;

/// Element type, shape and bytes.
pub(crate) type Stored = (Dtype, Vec<usize>, Vec<u8>);

pub(crate) struct Fixture {
    folder: TempDir,
    pub(crate) config: Value,
    pub(crate) preprocessor: Value,
    pub(crate) tokenizer: Value,
    pub(crate) tensors: BTreeMap<String, Stored>,
}

impl Fixture {
    /// Vision 2 blocks, align 1, text 2; width 16, 2 heads; 28 x 28 pixels in patches of 14, positions stored for 3 x 3.
    pub(crate) fn new() -> Self {
        let loss = json!({ "apply": ["RadZeroLoss"], "ratio": [1.0], "RadZeroLoss": {
            "hidden_dim": HIDDEN, "sim_op": "cos", "attn_temperature": null, "loss_temperature": 0.07,
            "use_vision_cls_token": true, "use_layer_norm": true, "text_features_l2_norm": false,
        }});
        let blocks = json!({
            "hidden_size": HIDDEN, "num_attention_heads": 2, "mlp_ratio": 2, "layer_norm_eps": 1e-6,
            "hidden_act": "gelu", "qkv_bias": true, "use_swiglu_ffn": false, "patch_size": 14, "num_channels": 3,
        });
        let stack = |extra: Value| {
            let mut stack = blocks.clone();
            stack.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            stack
        };
        let config = json!({
            "vision_config": stack(json!({ "model_type": "dinov2", "num_hidden_layers": 2, "img_size": 28 })),
            "align_transformer_config":
                stack(json!({ "model_type": "align_transformer", "num_hidden_layers": 1, "use_layer_norm": false })),
            "text_config": { "model_type": "mpnet", "use_cls_token": false, "use_text_projection": false },
            "loss": loss, "kwargs": { "loss": loss, "compute_logits_type": "radzero" },
            "transformers_version": "4.39.3",
        });
        let preprocessor = json!({
            "image_processor_type": "BlipImageProcessor", "do_resize": true, "size": { "height": 28, "width": 28 },
            "resample": 3, "do_rescale": true, "rescale_factor": 1.0 / 255.0, "do_normalize": true,
            "image_mean": [0.5, 0.45, 0.4], "image_std": [0.25, 0.26, 0.27], "do_convert_rgb": true,
        });
        let folder = tempfile::tempdir().unwrap();
        Self { folder, config, preprocessor, tokenizer: tokenizer(), tensors: tensors() }
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.folder.path().join("checkpoint")
    }

    pub(crate) fn destination(&self) -> PathBuf {
        self.folder.path().join("models").join("model")
    }

    /// Changes the setting at `pointer` (RFC 6901), or removes it if `value` is null. Those of the loss change in both places.
    pub(crate) fn set(&mut self, pointer: &str, value: Value) -> &mut Self {
        let config = &mut self.config;
        let mut put = |pointer: &str| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if value.is_null() {
                parent.remove(name);
            } else {
                parent.insert(name.into(), value.clone());
            }
        };
        put(pointer);
        if pointer.starts_with("/loss/") {
            put(&format!("/kwargs{pointer}"));
        }
        self
    }

    pub(crate) fn add(&mut self, name: &str, shape: &[usize]) -> &mut Self {
        self.tensors.insert(name.into(), random(name, shape));
        self
    }

    pub(crate) fn rename(&mut self, rename: impl Fn(&str) -> String) -> &mut Self {
        self.tensors = std::mem::take(&mut self.tensors).into_iter().map(|(name, t)| (rename(&name), t)).collect();
        self
    }

    /// Writes everything but the weights.
    pub(crate) fn write_settings(&self) {
        fs::create_dir_all(self.checkpoint()).unwrap();
        fs::create_dir_all(self.destination().parent().unwrap()).unwrap();
        let json = |name: &str, value: &Value| fs::write(self.checkpoint().join(name), value.to_string()).unwrap();
        json("config.json", &self.config);
        json("preprocessor_config.json", &self.preprocessor);
        json("tokenizer.json", &self.tokenizer);
    }

    pub(crate) fn write(&self) -> &Self {
        self.write_settings();
        fs::write(self.checkpoint().join("model.safetensors"), bytes(self.tensors.iter())).unwrap();
        self
    }

    /// Writes the weights as this number of shards.
    pub(crate) fn write_sharded(&self, shards: usize) -> &Self {
        self.write_settings();
        let file = |shard: usize| format!("model-{:05}-of-{shards:05}.safetensors", shard + 1);
        let mut map = BTreeMap::new();
        for shard in 0..shards {
            let part = || self.tensors.iter().skip(shard).step_by(shards);
            fs::write(self.checkpoint().join(file(shard)), bytes(part())).unwrap();
            map.extend(part().map(|(name, _)| (name.clone(), file(shard))));
        }
        let index = json!({ "metadata": {}, "weight_map": map }).to_string();
        fs::write(self.checkpoint().join("model.safetensors.index.json"), index).unwrap();
        self
    }

    pub(crate) fn options(&self) -> ExportOptions {
        let mut options = ExportOptions::new(self.checkpoint(), self.destination());
        options.name = Some("tiny".into());
        options
    }

    /// Exports what was written and returns the files of the model directory.
    pub(crate) fn export(&self) -> Result<BTreeMap<String, Vec<u8>>, ExportError> {
        export(&self.options(), |_| {}).map(|_| files(&self.destination()))
    }

    /// The error of an export that must fail and leave nothing behind.
    pub(crate) fn failure(&self) -> ExportError {
        let error = self.export().map(|_| ()).unwrap_err();
        assert_eq!(names(self.destination().parent().unwrap()), Vec::<String>::new(), "left behind after: {error}");
        error
    }
}

/// The fields of a graph file (onnx.proto, `ModelProto`), the graph itself undecoded.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, optional, tag = "1")]
    pub(crate) ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) producer_version: Option<String>,
    #[prost(bytes = "vec", optional, tag = "7")]
    pub(crate) graph: Option<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(crate) opset_import: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<Property>,
    #[prost(bytes = "vec", repeated, tag = "25")]
    pub(crate) functions: Vec<Vec<u8>>,
}

/// A metadata property (`StringStringEntryProto`).
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Property {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

impl Model {
    /// Decodes a graph file; every byte of it must be in a known field.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let model = Self::decode(bytes).unwrap();
        assert_eq!(model.encoded_len(), bytes.len());
        model
    }

    /// The metadata properties, by key.
    pub(crate) fn metadata(&self) -> BTreeMap<&str, &str> {
        let metadata: BTreeMap<_, _> =
            self.metadata_props.iter().map(|property| (property.key(), property.value())).collect();
        assert_eq!(metadata.len(), self.metadata_props.len());
        metadata
    }
}

/// The names in a folder, hidden ones included.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

fn bytes<'a>(tensors: impl Iterator<Item = (&'a String, &'a Stored)>) -> Vec<u8> {
    let view = |(dtype, shape, bytes): &'a Stored| TensorView::new(*dtype, shape.clone(), bytes).unwrap();
    serialize(tensors.map(|(name, stored)| (name, view(stored))), None).unwrap()
}

/// Seeded values that depend on the name alone; norms around 1, everything else around 0.
fn random(name: &str, shape: &[usize]) -> Stored {
    let mut state =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619)) | 1;
    let around = if name.to_lowercase().contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
    let values = (0..shape.iter().product()).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // 11 bits of fraction, so that half precision holds every value exactly.
        (around + ((state >> 24) as f32 - 128.0) / 512.0).to_le_bytes()
    });
    (Dtype::F32, shape.to_vec(), values.collect())
}

fn tensors() -> BTreeMap<String, Stored> {
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let stored = random(&name, shape);
        tensors.insert(name, stored);
    };
    let embeddings = "vision_model.embeddings";
    add(format!("{embeddings}.cls_token"), &[1, 1, HIDDEN]);
    add(format!("{embeddings}.mask_token"), &[1, HIDDEN]);
    add(format!("{embeddings}.position_embeddings"), &[1, 10, HIDDEN]);
    add(format!("{embeddings}.patch_embeddings.projection.weight"), &[HIDDEN, 3, 14, 14]);
    add(format!("{embeddings}.patch_embeddings.projection.bias"), &[HIDDEN]);
    add("text_model.embeddings.word_embeddings.weight".into(), &[VOCABULARY, HIDDEN]);
    add("text_model.embeddings.position_embeddings.weight".into(), &[20, HIDDEN]);
    add("text_model.encoder.relative_attention_bias.weight".into(), &[32, 4]);
    add("loss_fns.RadZeroLoss.loss_temperature".into(), &[1]);
    let mut linear = |name: String, output: usize, input: usize| {
        add(format!("{name}.weight"), &[output, input]);
        add(format!("{name}.bias"), &[output]);
    };
    linear("text_model.pooler.dense".into(), HIDDEN, HIDDEN);
    let blocks = [
        "vision_model.encoder.layer.0",
        "vision_model.encoder.layer.1",
        "align_transformer.transformer_layers.layer.0",
    ];
    for block in blocks {
        for part in ["attention.query", "attention.key", "attention.value", "output.dense"] {
            linear(format!("{block}.attention.{part}"), HIDDEN, HIDDEN);
        }
        linear(format!("{block}.mlp.fc1"), 2 * HIDDEN, HIDDEN);
        linear(format!("{block}.mlp.fc2"), HIDDEN, 2 * HIDDEN);
    }
    for layer in ["text_model.encoder.layer.0", "text_model.encoder.layer.1"] {
        for part in ["q", "k", "v", "o"] {
            linear(format!("{layer}.attention.attn.{part}"), HIDDEN, HIDDEN);
        }
        linear(format!("{layer}.intermediate.dense"), 3 * HIDDEN, HIDDEN);
        linear(format!("{layer}.output.dense"), HIDDEN, 3 * HIDDEN);
    }
    let mut norms = vec!["vision_model.layernorm".to_owned(), "text_model.embeddings.LayerNorm".into()];
    norms.push("loss_fns.RadZeroLoss.layer_norm".into());
    norms.extend(blocks.iter().flat_map(|block| [format!("{block}.norm1"), format!("{block}.norm2")]));
    norms.extend((0..2).flat_map(|layer| {
        ["attention", "output"].map(|part| format!("text_model.encoder.layer.{layer}.{part}.LayerNorm"))
    }));
    for name in norms {
        add(format!("{name}.weight"), &[HIDDEN]);
        add(format!("{name}.bias"), &[HIDDEN]);
    }
    for block in blocks {
        add(format!("{block}.layer_scale1.lambda1"), &[HIDDEN]);
        add(format!("{block}.layer_scale2.lambda1"), &[HIDDEN]);
    }
    tensors
}

/// A tokenizer with the words of the self-test's prompts, and with fixed padding and truncation like the published one.
fn tokenizer() -> Value {
    let words =
        ["<s>", "<pad>", "</s>", "<unk>", "there", "is", "pneumothorax", "a", "small", "left", "pleural", "effusion"];
    let vocabulary: BTreeMap<_, _> = words.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    let special = |token: &str, id: u32| json!({ "id": token, "ids": [id], "tokens": [token] });
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 },
        "padding": {
            "strategy": { "Fixed": 30 }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 1, "pad_type_id": 0, "pad_token": "<pad>",
        },
        "added_tokens": [], "normalizer": { "type": "Lowercase" }, "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                { "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "</s>", "type_id": 0 } },
            ],
            "pair": [], "special_tokens": { "<s>": special("<s>", 0), "</s>": special("</s>", 2) },
        },
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>" },
    })
}
