//! Reads preprocessor_config.json: how an image becomes pixels.

use radzero_format::manifest::{GeometryKind, Preprocessing, Resample};
use serde_json::{Value, json};

use super::PREPROCESSOR;
use super::settings::{Findings, Section};

const DEFAULT: &str = "not stated; the default of transformers' processor of this type";

/// Image processors of the published code (its `processing.py`) with their geometry. Their other defaults are equal.
const PROCESSORS: [(&str, GeometryKind); 5] = [
    ("BlipImageProcessor", GeometryKind::Stretch),
    ("BlipImageProcessorFast", GeometryKind::Stretch),
    ("AspectRatioBlipImageProcessor", GeometryKind::PadSquare),
    ("BitImageProcessor", GeometryKind::CropSquare),
    ("BitImageProcessorFast", GeometryKind::CropSquare),
];

/// OpenAI CLIP's mean and standard deviation, the processors' defaults.
const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

/// Pillow's number of the bicubic filter.
const BICUBIC: usize = 3;

/// Reads the preprocessing, and the side of the model's input in pixels.
pub(super) fn read(value: &Value, findings: &mut Findings) -> (Preprocessing, usize) {
    let root = Section::root(PREPROCESSOR, value, findings);

    let name = root.text("image_processor_type", findings);
    let found = PROCESSORS.iter().find(|(known, _)| name == Some(known));
    if let (Some(name), None) = (name, found) {
        let known = PROCESSORS.map(|(known, _)| known).join(", ");
        findings.refuse(&root.field("image_processor_type"), json!(name), known);
    }
    let default = PROCESSORS[0];
    root.or("image_processor_type", name, default.0, "not stated; RadZero's is this one", findings);
    let geometry = found.map_or(default.1, |&(_, geometry)| geometry);
    root.require("do_pad", &json!(false), findings);
    let crops = geometry == GeometryKind::CropSquare;
    root.require("do_center_crop", &json!(crops), findings);
    if crops {
        let value = root.get("do_center_crop").map(|_| true);
        root.or("do_center_crop", value, true, DEFAULT, findings);
    }
    for name in ["do_resize", "do_convert_rgb"] {
        root.require(name, &json!(true), findings);
        let value = root.get(name).map(|_| true);
        root.or(name, value, true, DEFAULT, findings);
    }

    let image_size = if crops { read_crop(&root, findings) } else { read_size(&root, findings) };
    let resample = root.count("resample", 0, 5, findings);
    if root.or("resample", resample, BICUBIC, DEFAULT, findings) != BICUBIC {
        root.require("resample", &json!(BICUBIC), findings);
    }

    let flag = |name, findings: &mut Findings| {
        let value = root.boolean(name, findings);
        root.or(name, value, true, DEFAULT, findings)
    };
    let rescale_factor = if flag("do_rescale", findings) {
        let value = root.positive("rescale_factor", findings);
        root.or("rescale_factor", value, 1.0 / 255.0, DEFAULT, findings)
    } else {
        1.0
    };
    let (image_mean, image_std) = if flag("do_normalize", findings) {
        let mut channels = |name, default: [f64; 3]| {
            let found = root.channels(name, findings);
            if found.is_none() && root.get(name).is_none() {
                findings.assume(&root.field(name), json!(default), DEFAULT);
            }
            found.unwrap_or(default)
        };
        (channels("image_mean", CLIP_MEAN), channels("image_std", CLIP_STD))
    } else {
        ([0.0; 3], [1.0; 3])
    };
    if image_std.iter().any(|std| *std <= 0.0) {
        findings.refuse(&root.field("image_std"), json!(image_std), "numbers above 0");
    }

    let preprocessing = Preprocessing { geometry, resample: Resample::Bicubic, rescale_factor, image_mean, image_std };
    (preprocessing, image_size)
}

/// Reads the side that both edges are resized to.
fn read_size(root: &Section<'_>, findings: &mut Findings) -> usize {
    let expected = "an object of equal height and width";
    let Some(value) = root.get("size") else {
        findings.refuse(&root.field("size"), "missing", expected);
        return 0;
    };
    let size = root.section("size", findings);
    let sides = (size.count("height", 1, 8192, findings), size.count("width", 1, 8192, findings));
    match sides {
        (Some(height), Some(width)) if height == width && size.names().count() == 2 => height,
        _ => {
            findings.refuse(&root.field("size"), value, expected);
            0
        }
    }
}

/// Reads the length that the shorter edge is resized to, which must also be the side of the cropped square.
fn read_crop(root: &Section<'_>, findings: &mut Findings) -> usize {
    let shortest = root.section("size", findings).count("shortest_edge", 1, 8192, findings);
    let Some(shortest) = shortest else {
        let found = root.get("size").map_or_else(|| "missing".to_owned(), ToString::to_string);
        findings.refuse(&root.field("size"), found, "an object with shortest_edge");
        return 0;
    };
    let crop = root.section("crop_size", findings);
    let sides = (crop.count("height", 1, 8192, findings), crop.count("width", 1, 8192, findings));
    if sides != (Some(shortest), Some(shortest)) {
        let found = root.get("crop_size").map_or_else(|| "missing".to_owned(), ToString::to_string);
        findings.refuse(&root.field("crop_size"), found, format!("height and width {shortest}, as size.shortest_edge"));
    }
    shortest
}
