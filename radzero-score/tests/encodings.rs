//! Encodings survive the conversion to parts and bytes and back, with their provenance, and are checked.

#![allow(clippy::unwrap_used, missing_docs)]

use ndarray::{Array1, Array2};
use radzero_score::format::manifest::{Digest, Similarity, SimilarityOperator, sha256_bytes};
use radzero_score::format::record::{
    Device, EncoderRecord, ImageRecord, ModelRecord, ReadingRecord, Stored, TextRecord,
};
use radzero_score::format::{Error, ErrorKind};
use radzero_score::{Comparison, EncodedImage, EncodedPrompt, Scorer, Values};

const GRID: usize = 3;
const HIDDEN: usize = 8;

fn hash() -> Digest {
    sha256_bytes(b"model")
}

fn encoder(version: &str) -> EncoderRecord {
    EncoderRecord::new(Device::Cpu, [("CPUExecutionProvider".to_owned(), 9)].into(), Some("avx2"), version)
}

fn image_record() -> ImageRecord {
    ImageRecord::new(ModelRecord::named("m", hash()), 42, (640, 480), ReadingRecord::memory(), encoder("1.30.0"))
}

fn text_record() -> TextRecord {
    TextRecord::new(ModelRecord::named("m", hash()), encoder("1.31.1"))
}

fn value(index: usize) -> f32 {
    ((index * 7919 % 1009) as f32 / 1009.0 - 0.5) * 1.3
}

fn image() -> EncodedImage {
    let tokens = Array2::from_shape_fn((1 + GRID * GRID, HIDDEN), |(row, column)| value(row * HIDDEN + column));
    EncodedImage::new(tokens, image_record()).unwrap()
}

fn prompt() -> EncodedPrompt {
    EncodedPrompt::new("There is edema", Array1::from_shape_fn(HIDDEN, |index| value(index + 77)), text_record())
        .unwrap()
}

fn scorer() -> Scorer {
    let similarity = Similarity {
        operator: SimilarityOperator::Cos,
        temperature: 0.1,
        score_temperature: None,
        use_cls_token: true,
        use_layer_norm: true,
    };
    Scorer::new(hash(), GRID, HIDDEN, similarity)
}

#[test]
fn thirty_two_bits_round_trip_exactly() {
    let (image, prompt) = (image(), prompt());
    let again = EncodedImage::from_bytes(&image.to_bytes(Stored::F32).unwrap()).unwrap();
    assert_eq!((again.tokens(), again.record(), again.geometry()), (image.tokens(), image.record(), image.geometry()));
    let asked = EncodedPrompt::from_bytes(&prompt.to_bytes(Stored::F32).unwrap()).unwrap();
    assert_eq!((asked.text(), asked.embedding(), asked.record()), (prompt.text(), prompt.embedding(), prompt.record()));
    let before = scorer().compare(&image, &[prompt]).unwrap();
    let after = scorer().compare(&again, &[asked]).unwrap();
    assert_eq!(Comparison::record(&before).unwrap(), Comparison::record(&after).unwrap());
    assert_eq!(image.to_bytes(Stored::F32).unwrap(), again.to_bytes(Stored::F32).unwrap(), "the same bytes each time");
}

#[test]
fn sixteen_bits_are_rounded_to_nearest_and_stay_marked() {
    let bytes = image().to_bytes(Stored::F16).unwrap();
    let again = EncodedImage::from_bytes(&bytes).unwrap();
    for (found, exact) in again.tokens().iter().zip(&image().tokens()) {
        // Half a unit in the last place of an 11-bit significand.
        assert!((found - exact).abs() <= exact.abs() / 2048.0 + f32::EPSILON, "{found} {exact}");
    }
    assert_ne!(again.tokens(), image().tokens());
    assert_eq!(again.record().tokens, Stored::F16);
    // Storing 32 bits again does not restore rounded values.
    let wider = EncodedImage::from_bytes(&again.to_bytes(Stored::F32).unwrap()).unwrap();
    assert_eq!((wider.tokens(), wider.record().tokens), (again.tokens(), Stored::F16));
    let prompt = EncodedPrompt::from_bytes(&prompt().to_bytes(Stored::F16).unwrap()).unwrap();
    let record = Comparison::record(&scorer().compare(&again, &[prompt]).unwrap()).unwrap();
    assert_eq!((record.provenance.tokens, record.provenance.embeddings), (Stored::F16, Stored::F16));
    // Different versions of ONNX Runtime encoded image and sentence.
    assert_eq!(record.provenance.image_encoder.onnxruntime, "1.30.0");
    assert_eq!(record.provenance.text_encoder.onnxruntime, "1.31.1");
}

#[test]
fn other_programs_can_read_the_bytes() {
    let bytes = image().to_bytes(Stored::F16).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.names(), ["tokens"]);
    let tensor = file.tensor("tokens").unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F16, &[10, 8][..]));
    let bytes = prompt().to_bytes(Stored::F32).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let record: serde_json::Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["radzero"]).unwrap();
    assert_eq!((&record["prompt"], &record["record"]), (&"There is edema".into(), &1.into()));
}

#[test]
fn parts_are_checked() {
    let parts = || image().to_parts(Stored::F32).unwrap();
    EncodedImage::from_parts(parts()).unwrap();
    let refused = |change: &dyn Fn(&mut radzero_score::ImageParts)| -> Error {
        let mut parts = parts();
        change(&mut parts);
        EncodedImage::from_parts(parts).unwrap_err()
    };
    let not_finite = |parts: &mut radzero_score::ImageParts| {
        if let Values::F32(values) = &mut parts.tokens {
            values[3] = f32::NAN;
        }
    };
    for (error, kind, hint) in [
        (refused(&|parts| parts.shape = [9, 8]), ErrorKind::Encoding, "[9, 8] expected, 80 values found"),
        (refused(&|parts| parts.shape = [usize::MAX, 8]), ErrorKind::Encoding, "80 values found"),
        (refused(&|parts| parts.shape = [8, 10]), ErrorKind::Encoding, "square N expected, [8, 10] found"),
        (refused(&not_finite), ErrorKind::Encoding, "not finite"),
        (refused(&|parts| parts.record.record = 2), ErrorKind::Encoding, "version 1 expected, 2 found"),
        (refused(&|parts| parts.record.width = 0), ErrorKind::Encoding, "0 x 480"),
    ] {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(hint), "{hint}: {error}");
    }
    let mut infinite = prompt().to_parts(Stored::F16).unwrap();
    infinite.embedding = Values::F16(vec![0x7C00; HIDDEN]);
    assert_eq!(EncodedPrompt::from_parts(infinite).unwrap_err().kind(), ErrorKind::Encoding);
    let mut empty = prompt().to_parts(Stored::F16).unwrap();
    empty.embedding = Values::F16(Vec::new());
    assert_eq!(EncodedPrompt::from_parts(empty).unwrap_err().kind(), ErrorKind::Encoding);
}

/// Embeddings of a dot-product model are not normalised, so they can be large.
#[test]
fn values_beyond_16_bits_are_refused() {
    let large = EncodedPrompt::new("x", Array1::from_elem(HIDDEN, 70_000.0), text_record()).unwrap();
    let error = large.to_parts(Stored::F16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(error.to_string().contains("within 65504 expected"), "{error}");
    large.to_parts(Stored::F32).unwrap();
}

#[test]
fn truncated_and_corrupted_bytes_never_panic() {
    let bytes = image().to_bytes(Stored::F16).unwrap();
    for length in 0..bytes.len() {
        assert_eq!(EncodedImage::from_bytes(&bytes[..length]).unwrap_err().kind(), ErrorKind::Encoding, "{length}");
    }
    let head = bytes.len() - 2 * image().tokens().len();
    for index in 0..head {
        let mut changed = bytes.clone();
        changed[index] ^= 0x15;
        if let Err(error) = EncodedImage::from_bytes(&changed) {
            assert_eq!(error.kind(), ErrorKind::Encoding, "{index}: {error}");
            assert!(!format!("{error:#}{error:?}").contains("edema"), "{error:?}");
        }
    }
}

#[test]
fn a_scorer_refuses_encodings_of_other_models() {
    let other = ModelRecord::named("other", sha256_bytes(b"other"));
    let prompt_of_other =
        EncodedPrompt::new("x", vec![0.1; HIDDEN], TextRecord::new(other.clone(), encoder("1"))).unwrap();
    let image_of_other = {
        let record = ImageRecord::new(other, 42, (9, 9), ReadingRecord::memory(), encoder("1"));
        EncodedImage::new(image().tokens().to_owned(), record).unwrap()
    };
    for error in [
        scorer().compare(&image(), &[prompt(), prompt_of_other]).unwrap_err(),
        scorer().compare(&image_of_other, &[prompt()]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::OtherModel);
        assert!(error.to_string().contains(hash().as_str()), "{error}");
    }
    let short = EncodedPrompt::new("x", vec![0.1; HIDDEN - 1], text_record()).unwrap();
    let error = scorer().compare(&image(), &[short]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Encoding, "an embedding [8] expected, [7] found")
    );
    let small = EncodedImage::new(Array2::zeros((5, HIDDEN)), image_record()).unwrap();
    assert_eq!(scorer().compare(&small, &[prompt()]).unwrap_err().kind(), ErrorKind::Encoding);
    assert!(scorer().compare(&image(), &[]).unwrap().is_empty());
}

#[test]
fn a_record_covers_one_image_and_one_text_encoder() {
    let found = scorer().compare(&image(), &[prompt(), prompt()]).unwrap();
    let record = Comparison::record(&found).unwrap();
    assert_eq!((record.results.len(), record.width, record.height), (2, 640, 480));
    for (result, found) in record.results.iter().zip(&found) {
        let map = found.map();
        assert_eq!((result.map_min, result.map_max), (map.min(), map.max()));
        assert_eq!((found.map_min(), found.map_max()), (map.min(), map.max()));
        assert_eq!(result.point, [map.peak().x, map.peak().y]);
    }
    assert_eq!(Comparison::record(&[]).unwrap_err().kind(), ErrorKind::Argument);
    let rounded = EncodedPrompt::from_bytes(&prompt().to_bytes(Stored::F16).unwrap()).unwrap();
    let mixed = scorer().compare(&image(), &[prompt(), rounded]).unwrap();
    assert!(Comparison::record(&mixed).unwrap_err().to_string().contains("encoded alike"));
    let mut wider = image_record();
    wider.width = 641;
    let other = EncodedImage::new(image().tokens().to_owned(), wider).unwrap();
    let other = scorer().compare(&other, &[prompt()]).unwrap().remove(0);
    assert!(Comparison::record(&[found[0].clone(), other]).unwrap_err().to_string().contains("one image"));
}

#[test]
fn made_up_comparisons_are_checked_too() {
    let new = |logit, scores| Comparison::new(image_record(), prompt(), logit, scores);
    assert_eq!(new(0.5, Array2::zeros((2, 2))).unwrap().probability(), radzero_score::sigmoid(0.5));
    assert_eq!(new(f32::NAN, Array2::zeros((2, 2))).unwrap_err().kind(), ErrorKind::Inference);
    assert_eq!(new(0.5, Array2::from_elem((2, 2), f32::INFINITY)).unwrap_err().kind(), ErrorKind::Inference);
    assert_eq!(new(0.5, Array2::zeros((2, 3))).unwrap_err().kind(), ErrorKind::Argument);
    assert_eq!(new(0.5, Array2::zeros((0, 0))).unwrap_err().kind(), ErrorKind::Argument);
}

/// A sentence may be report text.
#[test]
fn debug_shows_no_sentence() {
    let parts = prompt().to_parts(Stored::F32).unwrap();
    let found = scorer().compare(&image(), &[prompt()]).unwrap().remove(0);
    for text in [format!("{:?}", prompt()), format!("{parts:?}"), format!("{found:?}")] {
        assert!(!text.contains("edema"), "{text}");
    }
}
