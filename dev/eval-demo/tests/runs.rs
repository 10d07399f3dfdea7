//! Runs: continued, refused, with images that fail, reported and compared.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::{Fake, evaluate, journal_path, lay_out, with_drawings};
use radzero_core::manifest::sha256_bytes;
use radzero_eval::Error;
use radzero_eval::datasets::{Dataset, Labels, chestxdet10, chexpert, openi, plain, siim};
use radzero_eval::metrics::Undefined;
use radzero_eval::metrics::bootstrap::Bootstrap;
use radzero_eval::report::result::Evaluation;
use radzero_eval::report::{compare, html, markdown};
use radzero_eval::tasks::{Classification, Grounding, Segmentation, Task};
use radzero_eval_demo::ellipses::drawings;

fn evaluation<T: Task>(dataset: &Dataset<T::Truth>, model: &Fake, folder: &Path) -> Evaluation {
    let (record, journal, summary, _) = evaluate::<T>(dataset, model, folder).unwrap();
    let bootstrap = Bootstrap { resamples: 40, seed: 0 };
    Evaluation::new::<T>(dataset, record, &journal, &summary, bootstrap).unwrap().0
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    with_drawings(12, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let whole = evaluation::<Segmentation>(&dataset, &Fake::default(), folder.path());
        let journal = fs::read_to_string(journal_path(folder.path())).unwrap();
        assert_eq!(journal.lines().count(), 13);

        // What a killed process leaves: some lines, and part of one.
        let lines: Vec<&str> = journal.split_inclusive('\n').collect();
        for (kept, part) in [(1, 0), (1, 20), (5, 0), (5, 300), (13, 0)] {
            let mut text = lines[..kept].concat();
            if kept < lines.len() {
                text += &lines[kept][..part];
            }
            fs::write(journal_path(folder.path()), text).unwrap();
            let model = Fake::default();
            let (.., events) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
            assert_eq!((events.done, model.calls.get()), (13 - kept, 13 - kept));
            assert_eq!(
                fs::read_to_string(journal_path(folder.path())).unwrap(),
                journal,
                "{kept} lines and {part} bytes"
            );
            let mut again = evaluation::<Segmentation>(&dataset, &model, folder.path());
            again.timing = whole.timing;
            assert_eq!(again, whole);
        }
    });
}

/// With a name that is not ASCII, a line can end within a character.
#[test]
fn a_line_torn_within_a_character_is_cut_off() {
    with_drawings(2, |root| {
        let name = "Thorax für zwei.png";
        fs::rename(root.join("images/case-000.png"), root.join(name)).unwrap();
        fs::write(root.join("plain.csv"), format!("image,label\nimages/case-001.png,mass\n{name},\n")).unwrap();
        let dataset = plain::classification(&root.join("plain.csv"), root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        let journal = fs::read(journal_path(folder.path())).unwrap();
        let first_byte = journal.windows(2).position(|bytes| bytes == "ü".as_bytes()).unwrap();
        fs::write(journal_path(folder.path()), &journal[..=first_byte]).unwrap();
        let (.., events) = evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!(events.done, 1);
        assert_eq!(fs::read(journal_path(folder.path())).unwrap(), journal);
    });
}

/// With mandatory locks, no second handle can read the journal.
#[test]
fn a_journal_is_read_through_the_handle_that_locks_it() {
    with_drawings(6, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (record, journal, summary, _) =
            evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        fs::rename(journal_path(folder.path()), folder.path().join("elsewhere")).unwrap();
        let bootstrap = Bootstrap { resamples: 4, seed: 0 };
        let (evaluation, _) = Evaluation::new::<Segmentation>(&dataset, record, &journal, &summary, bootstrap).unwrap();
        assert_eq!(evaluation.scored, 6);
    });
}

#[test]
fn images_and_masks_that_have_changed_are_refused() {
    with_drawings(8, |root| {
        let dataset = plain::segmentation(&root.join("plain_pneumothorax.csv"), root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        let masks = dataset.samples.iter().flat_map(|sample| sample.truth.files());
        let files = [dataset.samples[3].path.as_path()].into_iter().chain(masks);
        for path in files.map(Path::to_owned).collect::<Vec<_>>() {
            let kept = fs::read(&path).unwrap();
            fs::write(&path, [kept.as_slice(), b"more"].concat()).unwrap();
            let error = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).map(drop).unwrap_err();
            let Error::OtherRun { difference, .. } = error else { panic!("{error:?}") };
            let file = path.file_name().unwrap().to_str().unwrap();
            assert!(difference.starts_with("SHA-256 of ") && difference.contains(file), "{difference}");
            fs::write(&path, kept).unwrap();
            evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        }

        // Other images with the same names.
        let other = tempfile::tempdir().unwrap();
        lay_out(other.path(), &drawings(9)[1..]);
        for entry in fs::read_dir(other.path().join("images")).unwrap() {
            let path = entry.unwrap().path();
            let number: u32 = path.file_stem().unwrap().to_str().unwrap()[5..].parse().unwrap();
            fs::rename(&path, path.with_file_name(format!("case-{:03}.png", number - 1))).unwrap();
        }
        let dataset = plain::segmentation(&root.join("plain_pneumothorax.csv"), other.path()).unwrap();
        let error = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).map(drop).unwrap_err();
        assert!(error.to_string().contains("is of another run (SHA-256 of "), "{error}");
    });
}

/// An image that failed at first comes last in the journal; neither the score nor the draws may depend on that.
#[test]
fn the_order_of_the_journal_does_not_matter() {
    fn check<T: Task>(dataset: &Dataset<T::Truth>) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = evaluation::<T>(dataset, &Fake::default(), one.path());
        let path = &dataset.samples[1].path;
        let kept = fs::read(path).unwrap();
        fs::write(path, b"no image").unwrap();
        evaluate::<T>(dataset, &Fake::default(), other.path()).unwrap();
        fs::write(path, kept).unwrap();
        let mut again = evaluation::<T>(dataset, &Fake::default(), other.path());
        again.timing = whole.timing;
        assert_eq!(again, whole);
    }
    with_drawings(20, |root| {
        check::<Classification>(&chexpert::classification(root, root).unwrap());
        check::<Grounding>(&chestxdet10::grounding(root, root).unwrap());
        check::<Segmentation>(&siim::segmentation(root, root).unwrap());
    });
}

#[test]
fn sentences_are_encoded_once() {
    with_drawings(8, |root| {
        let dataset = chexpert::classification(root, root).unwrap();
        let (model, folder) = (Fake::default(), tempfile::tempdir().unwrap());
        evaluate::<Classification>(&dataset, &model, folder.path()).unwrap();
        assert_eq!((model.encoded.get(), model.calls.get()), (5, 8));
    });
}

#[test]
fn the_journal_of_another_run_is_refused() {
    with_drawings(6, |root| {
        let dataset = chexpert::classification(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        let refused =
            |dataset: &Dataset<Labels>, model: &Fake| match evaluate::<Classification>(dataset, model, folder.path())
                .map(drop)
                .unwrap_err()
            {
                Error::OtherRun { difference, .. } => difference,
                other => panic!("{other:?}"),
            };
        let other = Fake { hash: "4567", ..Fake::default() };
        let [one, two] = ["0123", "4567"].map(|text| sha256_bytes(text.as_bytes()));
        assert_eq!(refused(&dataset, &other), format!("model hash: {one}, here {two}"));
        assert_eq!(
            refused(&openi::classification(root, root).unwrap(), &Fake::default()),
            "data set: CheXpert, here OpenI"
        );
        let policy = Dataset { policy: radzero_core::radiograph::IntensityPolicy::Reference, ..dataset.clone() };
        assert_eq!(refused(&policy, &Fake::default()), "intensity policy: min-max, here reference");
        let labels = root.join("Chexpert/test_labels.csv");
        fs::write(&labels, fs::read_to_string(&labels).unwrap() + "\n").unwrap();
        let changed = chexpert::classification(root, root).unwrap();
        assert!(refused(&changed, &Fake::default()).starts_with("label files: "));
        let grounding = chestxdet10::grounding(root, root).unwrap();
        let error = evaluate::<Grounding>(&grounding, &Fake::default(), folder.path()).map(drop).unwrap_err();
        assert!(error.to_string().contains("task: classification, here grounding"), "{error}");
    });
}

#[test]
fn a_journal_in_use_and_a_damaged_one_are_refused() {
    with_drawings(4, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (_, held, ..) = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        let error = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).map(drop).unwrap_err();
        assert!(matches!(error, Error::InUse(_)), "{error:?}");
        drop(held);
        let path = journal_path(folder.path());
        let journal = fs::read_to_string(&path).unwrap();
        for (damaged, hint) in [
            (journal.replacen("\"sample\":2", "\"sample\":\"x\"", 1), "line 4"),
            (journal.replacen("\"sample\":2", "\"sample\":4", 1), "a sample below 4 expected, 4 found"),
            (journal.replacen("\"sample\":2", "\"sample\":1", 1), "each sample once expected, 1 again"),
            ("what is this\n".to_owned(), "line 1"),
        ] {
            fs::write(&path, damaged).unwrap();
            let error = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).map(drop).unwrap_err();
            assert!(error.to_string().contains(hint), "{error}");
        }
    });
}

#[test]
fn bad_images_are_reported_skipped_and_tried_again() {
    with_drawings(10, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let kept = fs::read(&dataset.samples[3].path).unwrap();
        fs::write(&dataset.samples[3].path, b"no image").unwrap();
        fs::remove_file(&dataset.samples[5].path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (record, journal, summary, events) =
            evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((events.done, events.failed.len()), (8, 2));
        assert!(
            events.failed[0].starts_with("case-003: ") && events.failed[1].starts_with("case-005: "),
            "{:?}",
            events.failed
        );
        let (evaluation, _) =
            Evaluation::new::<Segmentation>(&dataset, record, &journal, &summary, Bootstrap::default()).unwrap();
        assert_eq!((evaluation.scored, evaluation.failed.len()), (8, 2));
        let document = markdown::document(&evaluation);
        assert!(document.contains("- images: 8 of 10, 2 failed") && document.contains("- case-005: "), "{document}");
        drop(journal);

        fs::write(&dataset.samples[3].path, kept).unwrap();
        let model = Fake::default();
        let (.., events) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
        assert_eq!((events.done, events.failed.len(), model.calls.get()), (1, 1, 1));
    });
}

/// A half-precision graph that overflows must not become a score.
#[test]
fn values_that_no_model_may_give_fail_their_images() {
    with_drawings(4, |root| {
        for offset in [f32::NAN, f32::INFINITY, 2.0] {
            let model = Fake { offset, ..Fake::default() };
            let folder = tempfile::tempdir().unwrap();
            let dataset = siim::segmentation(root, root).unwrap();
            let (.., events) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
            assert_eq!((events.done, events.failed.len()), (0, 4), "{offset}");
            assert!(events.failed[0].contains("not a number of its range"), "{:?}", events.failed);
            let folder = tempfile::tempdir().unwrap();
            let dataset = chestxdet10::grounding(root, root).unwrap();
            let (.., events) = evaluate::<Grounding>(&dataset, &model, folder.path()).unwrap();
            let asked = dataset.samples.iter().filter(|sample| !sample.truth.is_empty()).count();
            assert_eq!(events.failed.len(), asked, "{offset}");
        }
    });
}

#[test]
fn one_image_has_no_interval_and_undefined_measures_have_reasons() {
    with_drawings(1, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let evaluation = evaluation::<Segmentation>(&dataset, &Fake::default(), folder.path());
        // The first drawing has no findings.
        for measure in &evaluation.measures {
            assert_eq!(measure.value, None, "{measure:?}");
            assert_eq!(measure.undefined, Some(Undefined::NoPositive), "{measure:?}");
            assert_eq!(measure.interval, None);
        }
        let document = markdown::document(&evaluation);
        assert!(document.contains("| no positive sample |") && !document.contains("NaN"), "{document}");
        let json = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), evaluation);
    });
}

#[test]
fn results_are_compared_draw_by_draw() {
    with_drawings(30, |root| {
        let dataset = chexpert::classification(root, root).unwrap();
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = evaluation::<Classification>(&dataset, &Fake::default(), one.path());
        let second = evaluation::<Classification>(&dataset, &Fake { hash: "4567", ..Fake::default() }, other.path());
        let text = compare::document(&first, &second).unwrap();
        let line = text.lines().find(|line| line.starts_with("| AUROC | macro |")).unwrap();
        // The same model under another name: the difference is exactly 0, and so is its interval.
        assert!(line.contains("| +0.0000 | [+0.0000, +0.0000] | 0.900 |"), "{line}");
        let [one, two] = ["0123", "4567"].map(|text| sha256_bytes(text.as_bytes()).to_string());
        assert!(text.contains(&one) && text.contains(&two), "{text}");

        // Another image with the same name.
        let path = &dataset.samples[4].path;
        fs::copy(&dataset.samples[5].path, path).unwrap();
        let third = tempfile::tempdir().unwrap();
        let third = evaluation::<Classification>(&dataset, &Fake::default(), third.path());
        let text = compare::document(&first, &third).unwrap();
        assert!(text.contains("scored different images, or files of different content"), "{text}");

        let mut fewer = second.clone();
        fewer.scored_sha256 = "other".into();
        let text = compare::document(&first, &fewer).unwrap();
        assert!(text.contains("scored different images") && !text.contains("[+0.0000"), "{text}");

        let grounding = chestxdet10::grounding(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let grounding = evaluation::<Grounding>(&grounding, &Fake::default(), folder.path());
        let error = compare::document(&first, &grounding).unwrap_err().to_string();
        assert!(error.contains("the first is classification, the second grounding"), "{error}");
    });
}

#[test]
fn the_report_names_what_made_it() {
    with_drawings(20, |root| {
        let dataset = chexpert::classification(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (record, journal, summary, _) =
            evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        let (evaluation, score) =
            Evaluation::new::<Classification>(&dataset, record, &journal, &summary, Bootstrap::default()).unwrap();
        let picture = html::CasePicture { file: "cases/a.png".into(), caption: "<b>".into() };
        let page = html::page(&evaluation, &score.curves, &[picture], &[]);
        let hash = sha256_bytes(b"0123").to_string();
        for part in [hash.as_str(), "fp32", "min-max", "Receiver operating", "&lt;b&gt;", "Research use only", "<svg"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(
            !page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org").count()
        );
        assert!(score.best.len() <= 6 && !score.worst.is_empty());
        let mut images: Vec<usize> = score.best.iter().chain(&score.worst).map(|case| case.sample).collect();
        images.sort_unstable();
        images.dedup();
        assert_eq!(images.len(), score.best.len() + score.worst.len(), "each image once");
    });
}
