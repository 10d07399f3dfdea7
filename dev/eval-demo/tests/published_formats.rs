//! Drawings in the format of every registered data set, evaluated and compared with a direct computation: equal to 1e-9.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::path::Path;

use common::{Fake, evaluate, lay_out};
use radzero_eval::datasets::registry::LabelSource;
use radzero_eval::datasets::{Dataset, ms_cxr, padchest, plain, rsna, siim};
use radzero_eval::metrics::bootstrap::Bootstrap;
use radzero_eval::report::result::Evaluation;
use radzero_eval::tasks::{Classification, Grounding, Segmentation, Task, TaskKind};
use radzero_eval_demo::classes::{KINDS, RSNA};
use radzero_eval_demo::direct::{self, Direct};
use radzero_eval_demo::ellipses::drawings;

const DRAWINGS: u32 = 60;
const DRAWS: u32 = 50;
const SEED: u64 = 1;

fn scored<T: Task>(dataset: &Dataset<T::Truth>) -> Evaluation {
    let folder = tempfile::tempdir().unwrap();
    let (record, journal, summary, events) = evaluate::<T>(dataset, &Fake::default(), folder.path()).unwrap();
    assert!(summary.failed.is_empty(), "{:?}", summary.failed);
    assert_eq!(events.done, dataset.samples.len());
    let bootstrap = Bootstrap { resamples: DRAWS, seed: SEED };
    let (evaluation, score) = Evaluation::new::<T>(dataset, record, &journal, &summary, bootstrap).unwrap();
    assert_eq!(score.images, dataset.samples.len());
    evaluation
}

/// Values and intervals equal those of the direct computation, and most of them are meaningful.
#[track_caller]
fn same(evaluation: &Evaluation, expected: &Direct) {
    let set = &evaluation.run.dataset;
    let all = || evaluation.measures.iter().chain(evaluation.classes.iter().flat_map(|class| &class.measures));
    let find = |name: &str, of: &str| {
        let found = all().find(|found| found.name == name && found.of == of);
        found.unwrap_or_else(|| panic!("{name} of {of} is missing in {set}"))
    };
    let scores = expected.scores();
    let mut defined = 0;
    for score in &scores {
        let found = find(score.name, &score.of);
        match (found.value, score.value) {
            (Some(value), Some(expected)) => {
                let tolerance = found.bound.unwrap_or(0.0) + 1e-9;
                assert!((value - expected).abs() <= tolerance, "{set}: {value} {score:?}");
                defined += 1;
            }
            (None, None) => assert!(found.undefined.is_some()),
            _ => panic!("{set}: {found:?} {score:?}"),
        }
    }
    assert!(defined > 1, "{set}");
    assert_eq!(all().count(), scores.len(), "{set}: every measure is compared");
    let mut wide = 0;
    for interval in expected.intervals(DRAWS.into(), SEED) {
        let found = find(interval.name, &interval.of);
        match (found.interval, interval.ends) {
            (Some(found), Some((low, high))) => {
                let close = (found.low - low).abs() <= 1e-9 && (found.high - high).abs() <= 1e-9;
                assert!(close, "{set}: {found:?} {interval:?}");
                wide += usize::from(high > low);
            }
            (None, None) => {}
            _ => panic!("{set}: {found:?} {interval:?}"),
        }
    }
    assert!(2 * wide > defined, "{set}: {wide} intervals of {defined} are wider than a point");
}

fn laid_out(test: impl FnOnce(&Path, &[radzero_eval_demo::Drawn])) {
    let root = tempfile::tempdir().unwrap();
    let drawn = drawings(DRAWINGS);
    lay_out(root.path(), &drawn);
    test(root.path(), &drawn);
}

/// Every registered data set of the task, in its own format, has the scores of the direct computation.
fn every_data_set_of<T: Task>() {
    laid_out(|root, drawn| {
        for entry in T::DATASETS {
            let data = match (entry.labels, T::KIND) {
                (LabelSource::Published, _) => root.to_owned(),
                (LabelSource::OwnFile, TaskKind::Segmentation) => root.join("plain_pneumothorax.csv"),
                (LabelSource::OwnFile, _) => root.join("plain.csv"),
            };
            let dataset = (entry.load)(&data, root).unwrap();
            let expected = direct::compute(T::KIND, entry.name, &Fake::default(), drawn, root);
            same(&scored::<T>(&dataset), &expected.unwrap_or_else(|error| panic!("{error}")));
        }
    });
}

#[test]
fn classification() {
    every_data_set_of::<Classification>();
}

#[test]
fn grounding() {
    every_data_set_of::<Grounding>();
}

#[test]
fn segmentation() {
    every_data_set_of::<Segmentation>();
}

#[test]
fn phrases_of_one_image_are_one_sample() {
    laid_out(|root, _| {
        let dataset = ms_cxr::grounding(root, root).unwrap();
        assert!(dataset.samples.len() < dataset.samples.iter().map(|sample| sample.truth.len()).sum());
    });
}

#[test]
fn the_tail_is_what_at_most_ten_images_show() {
    laid_out(|root, drawn| {
        let dataset = padchest::classification(root, root).unwrap();
        let tail = dataset.groups.iter().find(|group| group.name == "tail").unwrap();
        let names: Vec<&str> = tail.classes.iter().map(|&class| dataset.classes[class].as_str()).collect();
        let rare = |kind: &&str| drawn.iter().filter(|drawn| drawn.has(kind)).count() <= 10;
        assert_eq!(names, KINDS.into_iter().filter(rare).collect::<Vec<_>>());
        assert!(dataset.groups.iter().map(|group| group.classes.len()).sum::<usize>() == KINDS.len());
    });
}

/// The original files of the competitions have no paths: images are found by name.
#[test]
fn the_original_files_of_siim_and_rsna() {
    laid_out(|root, drawn| {
        let mut runs = "ImageId, EncodedPixels\n".to_owned();
        for line in std::fs::read_to_string(root.join("SIIM/test.csv")).unwrap().lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            runs += &format!("{},{}\n", cells[1], cells[2]);
        }
        std::fs::write(root.join("SIIM/owner.csv"), runs).unwrap();
        let (published, owner) =
            (siim::segmentation(root, root).unwrap(), siim::read(root, "SIIM/owner.csv", &root.join("dicom")).unwrap());
        assert_eq!(published.samples, owner.samples);

        let mut boxes = "patientId,x,y,width,height,Target\n".to_owned();
        for drawn in drawn {
            let found: Vec<_> = drawn.of(RSNA).filter_map(|finding| finding.bounds(drawn.width)).collect();
            for b in &found {
                let (width, height) = (b.right - b.left + 1, b.bottom - b.top + 1);
                boxes += &format!("{},{}.0,{}.0,{width}.0,{height}.0,1\n", drawn.name, b.left, b.top);
            }
            if found.is_empty() {
                boxes += &format!("{},,,,,0\n", drawn.name);
            }
        }
        std::fs::write(root.join("RSNA/owner.csv"), boxes).unwrap();
        let (published, owner) =
            (rsna::segmentation(root, root).unwrap(), rsna::read(root, "RSNA/owner.csv", &root.join("dicom")).unwrap());
        for (one, other) in published.samples.iter().zip(&owner.samples) {
            assert_eq!((&one.path, &one.truth), (&other.path, &other.truth));
        }
        assert_eq!(published.samples.len(), owner.samples.len());
    });
}

#[test]
fn a_plain_mask_is_the_published_mask() {
    laid_out(|root, drawn| {
        let dataset = plain::segmentation(&root.join("plain_pneumothorax.csv"), root).unwrap();
        let siim = siim::segmentation(root, root).unwrap();
        let mut positive = 0;
        for ((one, other), drawn) in dataset.samples.iter().zip(&siim.samples).zip(drawn) {
            let (width, height) = (drawn.width as usize, drawn.height as usize);
            let mask = one.truth.mask(width, height).unwrap();
            assert_eq!(mask, other.truth.mask(width, height).unwrap(), "{}", drawn.name);
            positive += usize::from(mask.iter().any(|&inside| inside));
        }
        assert!(positive > 2 && positive < drawn.len());
    });
}
