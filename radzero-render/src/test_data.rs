//! Made-up comparisons for tests.

use ndarray::Array2;
use radzero_score::format::manifest::sha256_bytes;
use radzero_score::format::record::{Device, EncoderRecord, ImageRecord, ModelRecord, ReadingRecord, TextRecord};
use radzero_score::{Comparison, EncodedPrompt};

/// The comparison of an image of this size, with these scores of its patches.
pub(crate) fn comparison(width: usize, height: usize, scores: Array2<f32>) -> Comparison {
    let model = ModelRecord::named("none", sha256_bytes(b""));
    let encoder = EncoderRecord::new(Device::Cpu, Default::default(), None, "1.31.1");
    let image = ImageRecord::new(model.clone(), 518, (width, height), ReadingRecord::memory(), encoder.clone());
    let prompt = EncodedPrompt::new("There is fibrosis", vec![0.0; 4], TextRecord::new(model, encoder)).unwrap();
    Comparison::new(image, prompt, 1.5, scores).unwrap()
}

/// Smoothly varying scores of a full-size grid.
pub(crate) fn waves() -> Array2<f32> {
    Array2::from_shape_fn((37, 37), |(y, x)| 4.0 * (y as f32 * 0.23).sin() * (x as f32 * 0.17).cos())
}
