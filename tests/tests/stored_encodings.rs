//! Encode today, ask tomorrow: stored encodings, compared by a model that has only one encoder, or by none.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use radzero_core::record::Stored;
use radzero_core::{Comparison, Device, EncodedImage, EncodedPrompt, Encoders, ErrorKind, RadZero, Radiograph, Scorer};
use radzero_export::Precision;
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

const PROMPTS: [&str; 2] = ["There is edema", "There is a mass"];

fn radiograph() -> Radiograph {
    Radiograph::open(golden_path("images/tall.png")).unwrap()
}

#[test]
fn stored_encodings_give_the_same_results_without_the_other_encoder() {
    let exported = Exported::case("base");
    let whole = exported.open();
    let expected = whole.infer(&radiograph(), &PROMPTS).unwrap();
    drop(whole);

    // Only the image encoder: the files of the text encoder are missing.
    let directory = exported.directory();
    let move_files = |names: &[&str], from: &std::path::Path, to: &std::path::Path| {
        for name in names {
            std::fs::rename(from.join(name), to.join(name)).unwrap();
        }
    };
    let text = ["text_encoder.onnx", "text_encoder.onnx.data", "tokenizer.json"];
    move_files(&text, &directory, exported.scratch());
    let error = RadZero::open(&directory).unwrap_err();
    assert!(error.kind() == ErrorKind::Model && error.to_string().contains("tokenizer.json: "), "{error}");
    let model = RadZero::builder(&directory).encoders(Encoders::Image).open().unwrap();
    assert!(model.text_encoder().is_none() && model.text_placement().is_none() && model.image_encoder().is_some());
    let bytes = model.encode_image(&radiograph()).unwrap().to_bytes(Stored::F32).unwrap();
    for result in [model.encode_prompts(&PROMPTS).map(drop), model.tokenize("x").map(drop), model.self_test().map(drop)]
    {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::EncoderNotOpen);
    }
    drop(model);
    move_files(&text, exported.scratch(), &directory);

    // Only the text encoder: the files of the image encoder are missing.
    move_files(&["image_encoder.onnx", "image_encoder.onnx.data"], &directory, exported.scratch());
    let model = RadZero::builder(&directory).encoders(Encoders::Text).open().unwrap();
    assert!(model.image_encoder().is_none() && model.image_placement().is_none());
    assert_eq!(model.encode_image(&radiograph()).unwrap_err().kind(), ErrorKind::EncoderNotOpen);
    let image = EncodedImage::from_bytes(&bytes).unwrap();
    let found = model.compare(&image, &model.encode_prompts(&PROMPTS).unwrap()).unwrap();
    assert_eq!(Comparison::record(&found).unwrap(), Comparison::record(&expected).unwrap());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.map(), expected.map());
    }
    // No encoder at all: both sides come from storage.
    let prompts: Vec<EncodedPrompt> = model
        .encode_prompts(&PROMPTS)
        .unwrap()
        .iter()
        .map(|prompt| EncodedPrompt::from_bytes(&prompt.to_bytes(Stored::F32).unwrap()).unwrap())
        .collect();
    let scorer = Scorer::from(model.directory());
    let found = scorer.compare(&image, &prompts).unwrap();
    assert_eq!(Comparison::record(&found).unwrap(), Comparison::record(&expected).unwrap());
}

/// Its text graph has 32 bits, so a search front-end for stored images needs no GPU.
#[test]
fn the_text_encoder_of_an_fp16_model_opens_on_a_cpu() {
    let exported = Exported::case_with("native", |options| options.precision = Precision::Fp16);
    assert_eq!(RadZero::open(exported.directory()).unwrap_err().kind(), ErrorKind::Provider);
    let model = RadZero::builder(exported.directory()).encoders(Encoders::Text).open().unwrap();
    assert_eq!(model.text_encoder().unwrap().device, Device::Cpu);
    model.encode_prompts(&PROMPTS).unwrap();
}

#[test]
fn the_prompt_cache_has_the_size_asked_for_and_can_be_cleared() {
    let exported = Exported::case("native");
    for (prompts, kept) in [(0, [false, false]), (1, [false, true]), (2, [true, true])] {
        let model = RadZero::builder(exported.directory()).prompt_cache(prompts).open().unwrap();
        // A cached prompt shares its allocation.
        let encode = |text: &str| model.encode_prompts(&[text]).unwrap()[0].clone();
        let same = |one: &EncodedPrompt, text: &str| std::ptr::eq(one.text(), encode(text).text());
        let (first, second) = (encode(PROMPTS[0]), encode(PROMPTS[1]));
        // The second one first, because encoding the first again could evict it.
        let found = [same(&second, PROMPTS[1]), same(&first, PROMPTS[0])];
        assert_eq!([found[1], found[0]], kept, "{prompts}");
        model.clear_prompt_cache();
        assert!(!same(&first, PROMPTS[0]));
    }
}
