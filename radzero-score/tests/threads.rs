//! Far more threads than cores ask for maps and masks at once.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Barrier};
use std::thread;

use ndarray::Array2;
use radzero_score::format::manifest::sha256_bytes;
use radzero_score::format::record::{Device, EncoderRecord, ImageRecord, ModelRecord, ReadingRecord, TextRecord};
use radzero_score::{Comparison, EncodedPrompt};

/// Concurrent callers.
const CALLERS: usize = 3000;

/// Side of the map: large enough to be split in two pieces of work.
const SIDE: usize = 260;

fn found() -> Comparison {
    let model = ModelRecord::named("none", sha256_bytes(b""));
    let encoder = EncoderRecord::new(Device::Cpu, Default::default(), None, "1.31.1");
    let image = ImageRecord::new(model.clone(), 518, (SIDE, SIDE), ReadingRecord::memory(), encoder.clone());
    let prompt = EncodedPrompt::new("There is fibrosis", vec![0.0; 4], TextRecord::new(model, encoder)).unwrap();
    let scores = Array2::from_shape_fn((37, 37), |(y, x)| 6.0 * (y as f32 * 0.31).sin() * (x as f32 * 0.23).cos());
    Comparison::new(image, prompt, 1.5, scores).unwrap()
}

#[test]
fn thousands_of_callers_get_maps_and_masks() {
    let found = Arc::new(found());
    let (map, mask) = (Arc::new(found.map()), Arc::new(found.mask(0.5).unwrap()));
    let together = Arc::new(Barrier::new(CALLERS));
    let start = || {
        let (found, map, mask, together) = (found.clone(), map.clone(), mask.clone(), together.clone());
        let caller = move || {
            together.wait();
            assert_eq!(found.map(), *map);
            assert_eq!(found.mask(0.5).unwrap(), *mask);
            assert_eq!(found.area(0.5).unwrap(), mask.iter().filter(|&&above| above).count());
        };
        thread::Builder::new().stack_size(256 << 10).spawn(caller).unwrap()
    };
    let callers: Vec<_> = (0..CALLERS).map(|_| start()).collect();
    for caller in callers {
        caller.join().unwrap();
    }
}
