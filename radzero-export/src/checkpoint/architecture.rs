//! Reads config.json: the network, and the switches that change what it computes.

use radzero_format::manifest::SimilarityOperator;
use serde_json::{Value, json};

use super::CONFIG;
use super::settings::{DINOV2_DEFAULT, Findings, Section};

/// A stack of DINOv2 blocks.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) hidden: usize,
    /// Width inside the MLP.
    pub(crate) mlp: usize,
    pub(crate) eps: f32,
    pub(crate) qkv_bias: bool,
}

/// The settings of `RadZeroLoss` that affect inference.
#[derive(Debug, Clone)]
pub(crate) struct LossSettings {
    pub(crate) operator: SimilarityOperator,
    /// Whether the scores have their own temperature.
    pub(crate) attn_temperature: bool,
    pub(crate) use_vision_cls_token: bool,
    pub(crate) layer_norm: bool,
    pub(crate) text_features_l2_norm: bool,
}

/// The settings of the text encoder and its pooling.
#[derive(Debug, Clone)]
pub(crate) struct TextSettings {
    /// Pools by taking the first token instead of the mean.
    pub(crate) use_cls_token: bool,
    /// Projects token states to twice the image width, of which the second half is used.
    pub(crate) projection: bool,
    pub(crate) eps: f32,
}

/// What config.json says about the computation.
#[derive(Debug, Clone)]
pub(crate) struct Architecture {
    pub(crate) vision: Stack,
    pub(crate) patch_size: usize,
    /// `img_size`, if stated.
    img_size: Option<usize>,
    pub(crate) align: Stack,
    pub(crate) align_layer_norm: bool,
    pub(crate) text: TextSettings,
    pub(crate) loss: LossSettings,
    pub(crate) transformers_version: Option<String>,
}

const MOST_LAYERS: usize = 1_000;
const MOST_WIDTH: usize = 1 << 16;

pub(super) fn read(config: &Value, findings: &mut Findings) -> Architecture {
    let root = Section::root(CONFIG, config, findings);
    let vision = root.section("vision_config", findings);
    model_type(&vision, &["dinov2"], findings);
    let vision_stack = stack(&vision, 1, findings);
    let patch_size = patch_size(&vision, findings);
    vision.require("num_channels", &json!(3), findings);
    vision.require("keep_aspect_ratio", &json!(false), findings);
    let img_size = vision.count("img_size", 1, 8192, findings);

    let align = root.section("align_transformer_config", findings);
    let (align_stack, align_layer_norm) = if model_type(&align, &["align_transformer", "identity"], findings) == 1 {
        (Stack { layers: 0, ..vision_stack.clone() }, false)
    } else {
        let norm = align.boolean("use_layer_norm", findings);
        let norm = align.or("use_layer_norm", norm, false, "not stated; the published configuration", findings);
        (stack(&align, 0, findings), norm)
    };
    if align_stack.hidden != vision_stack.hidden {
        let expected = format!("{}, as in vision_config", vision_stack.hidden);
        findings.refuse(&align.field("hidden_size"), align_stack.hidden, expected);
    }

    let text = text(&root, findings);
    logits_type(&root, findings);
    let loss = super::loss::read(&root, align_stack.hidden, findings);
    let transformers_version = root.text("transformers_version", findings).map(str::to_owned);
    Architecture {
        vision: vision_stack,
        patch_size,
        img_size,
        align: align_stack,
        align_layer_norm,
        text,
        loss,
        transformers_version,
    }
}

impl Architecture {
    /// Checks the preprocessor's size against the network's.
    pub(super) fn check_image_size(&self, image_size: usize, findings: &mut Findings) {
        let field = "preprocessor_config.json: size";
        if let Some(img_size) = self.img_size
            && img_size != image_size
        {
            findings.refuse(field, image_size, format!("{img_size}, as config.json: vision_config.img_size"));
        }
        if !image_size.is_multiple_of(self.patch_size) {
            findings.refuse(field, image_size, format!("a multiple of the patch size, {}", self.patch_size));
        }
    }
}

/// Checks a section's `model_type` and returns its index in `known`.
///
/// The published configuration classes write an empty string, which counts as not stated.
fn model_type(section: &Section<'_>, known: &[&'static str], findings: &mut Findings) -> usize {
    let found = section.text("model_type", findings).filter(|found| !found.is_empty());
    match found {
        None => {
            findings.assume(
                &section.field("model_type"),
                known[0],
                "not stated; RadZero's, and the tensors are checked against it",
            );
            0
        }
        Some(found) => known.iter().position(|known| *known == found).unwrap_or_else(|| {
            findings.refuse(&section.field("model_type"), json!(found), known.join(" or "));
            0
        }),
    }
}

/// Reads a stack of DINOv2 blocks.
fn stack(section: &Section<'_>, least_layers: usize, findings: &mut Findings) -> Stack {
    let mut count = |name, least, most, default| {
        let value = section.count(name, least, most, findings);
        section.or(name, value, default, DINOV2_DEFAULT, findings)
    };
    let layers = count("num_hidden_layers", least_layers, MOST_LAYERS, 12);
    let hidden = count("hidden_size", 1, MOST_WIDTH, 768);
    let heads = count("num_attention_heads", 1, MOST_WIDTH, 12);
    if !hidden.is_multiple_of(heads) {
        findings.refuse(&section.field("num_attention_heads"), heads, format!("a divisor of hidden_size, {hidden}"));
    }
    let ratio = section.positive("mlp_ratio", findings);
    let ratio = section.or("mlp_ratio", ratio, 4.0, DINOV2_DEFAULT, findings);
    let eps = section.positive("layer_norm_eps", findings);
    let eps = section.or("layer_norm_eps", eps, 1e-6, DINOV2_DEFAULT, findings) as f32;
    let qkv_bias = section.boolean("qkv_bias", findings);
    let qkv_bias = section.or("qkv_bias", qkv_bias, true, DINOV2_DEFAULT, findings);
    section.require("use_swiglu_ffn", &json!(false), findings);
    if section.get("use_swiglu_ffn").is_none() {
        findings.assume(&section.field("use_swiglu_ffn"), false, DINOV2_DEFAULT);
    }
    gelu(section, DINOV2_DEFAULT, findings);
    // The library truncates the product too.
    Stack { layers, heads, hidden, mlp: (hidden as f64 * ratio) as usize, eps, qkv_bias }
}

/// Requires GELU as the activation.
fn gelu(section: &Section<'_>, reason: &str, findings: &mut Findings) {
    section.require("hidden_act", &json!("gelu"), findings);
    if section.get("hidden_act").is_none() {
        findings.assume(&section.field("hidden_act"), "gelu", reason);
    }
}

/// Reads a side in pixels, or a list of two equal ones.
fn patch_size(vision: &Section<'_>, findings: &mut Findings) -> usize {
    if let Some(Value::Array(sides)) = vision.get("patch_size") {
        let side = sides.first().and_then(Value::as_u64).and_then(|side| usize::try_from(side).ok());
        match side {
            Some(side) if sides.len() == 2 && sides[0] == sides[1] && (1..=1024).contains(&side) => return side,
            _ => findings.refuse(&vision.field("patch_size"), json!(sides), "two equal whole numbers"),
        }
        return 1;
    }
    let value = vision.count("patch_size", 1, 1024, findings);
    vision.or("patch_size", value, 14, DINOV2_DEFAULT, findings)
}

fn text(root: &Section<'_>, findings: &mut Findings) -> TextSettings {
    const CODE: &str = "not stated; transformers' MPNet code fixes it";
    const MODEL: &str = "not stated; all-mpnet-base-v2 has it";
    let text = root.section("text_config", findings);
    model_type(&text, &["mpnet"], findings);
    let mut flag = |name| {
        let value = text.boolean(name, findings);
        text.or(name, value, false, "not stated; the published configuration", findings)
    };
    let (use_cls_token, projection) = (flag("use_cls_token"), flag("use_text_projection"));
    let eps = text.positive("layer_norm_eps", findings);
    let eps = text.or("layer_norm_eps", eps, 1e-5, MODEL, findings) as f32;
    gelu(&text, MODEL, findings);
    for (name, value) in [("relative_attention_max_distance", 128), ("padding_idx", 1)] {
        findings.assume(&text.field(name), value, CODE);
    }
    TextSettings { use_cls_token, projection, eps }
}

/// Checks how logits are computed, which is stated at the top level, under `kwargs`, or in both places.
fn logits_type(root: &Section<'_>, findings: &mut Findings) {
    const NAME: &str = "compute_logits_type";
    let kwargs = root.section("kwargs", findings);
    for section in [root, &kwargs] {
        section.require(NAME, &json!("radzero"), findings);
    }
    if root.get(NAME).is_none() && kwargs.get(NAME).is_none() {
        findings.assume(&root.field(NAME), "radzero", "not stated; the published configuration");
    }
}
