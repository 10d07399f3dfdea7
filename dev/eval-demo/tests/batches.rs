//! A model that encodes in batches, as on a GPU.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::{Batching, evaluate, journal_path, lay_out};
use radzero_eval::datasets::siim;
use radzero_eval::tasks::Segmentation;
use radzero_eval_demo::ellipses::drawings;

/// Images are read ahead to fill batches, and the journal is the same as without batches.
#[test]
fn a_model_that_encodes_in_batches_gets_full_ones() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    lay_out(root, &drawings(61));
    let dataset = siim::segmentation(root, root).unwrap();
    // An image that cannot be read must not take a place in a batch.
    let bad = &dataset.samples[17];
    fs::write(&bad.path, b"no image").unwrap();
    let (batching, single) = (Batching::of(8, 60), Batching::of(1, 60));
    let journals = [&batching, &single].map(|model| {
        let folder = tempfile::tempdir().unwrap();
        let (.., summary, events) = evaluate::<Segmentation>(&dataset, model, folder.path()).unwrap();
        assert_eq!((events.done, events.failed.len(), summary.failed.len()), (60, 1, 1));
        assert!(events.failed[0].starts_with(&bad.id), "{:?}", events.failed);
        // Each image counts with its share of a batch.
        assert!(summary.progress.model.as_millis() >= if model.0.encoder().batch == 1 { 300 } else { 40 });
        fs::read_to_string(journal_path(folder.path())).unwrap()
    });
    assert_eq!(journals[0], journals[1]);
    let runs = batching.0.encoder().runs.lock().unwrap().clone();
    assert_eq!(runs.iter().sum::<usize>(), 60);
    // The first image did not wait for others, and the last batches have the rest: 1, 2 or 4 in each.
    assert!(runs.iter().all(|images| images.is_power_of_two()), "{runs:?}");
    let full = runs.iter().filter(|&&images| images == 8).count();
    assert!(full >= 6 && runs.len() <= full + 4, "{runs:?}");
}
