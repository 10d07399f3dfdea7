//! Runs: resumed, refused, with images that fail, written down and compared.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::{Fake, evaluate, journal_path, lay_out};
use radzero_core::manifest::sha256_bytes;
use radzero_eval::Error;
use radzero_eval::datasets::{Dataset, Labels, chestxdet10, chexpert, ms_cxr, openi, plain, siim};
use radzero_eval::metrics::Undefined;
use radzero_eval::metrics::bootstrap::Bootstrap;
use radzero_eval::report::result::Evaluation;
use radzero_eval::report::{compare, html, markdown};
use radzero_eval::tasks::{Classification, Grounding, Segmentation, Task};
use radzero_eval_demo::ellipses::drawings;

fn with_drawings(count: u32, test: impl FnOnce(&Path)) {
    let root = tempfile::tempdir().unwrap();
    lay_out(root.path(), &drawings(count));
    test(root.path());
}

fn evaluation<T: Task>(dataset: &Dataset<T::Truth>, model: &Fake, folder: &Path) -> Evaluation {
    let (record, journal, outcome, _) = evaluate::<T>(dataset, model, folder).unwrap();
    let bootstrap = Bootstrap { resamples: 40, seed: 0 };
    Evaluation::new::<T>(dataset, record, &journal, &outcome, bootstrap).unwrap().0
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    with_drawings(12, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let whole = evaluation::<Segmentation>(&dataset, &Fake::default(), folder.path());
        let journal = fs::read_to_string(journal_path(folder.path())).unwrap();
        assert_eq!(journal.lines().count(), 13);

        // As a killed process leaves it: some lines, and a part of one.
        let lines: Vec<&str> = journal.split_inclusive('\n').collect();
        for (kept, part) in [(1, 0), (1, 20), (5, 0), (5, 300), (13, 0)] {
            let mut text = lines[..kept].concat();
            if kept < lines.len() {
                text += &lines[kept][..part];
            }
            fs::write(journal_path(folder.path()), text).unwrap();
            let model = Fake::default();
            let (.., told) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
            assert_eq!((told.done, model.calls.get()), (13 - kept, 13 - kept));
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

/// A name that is not ASCII: a line can end within a character.
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
        let (.., told) = evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!(told.done, 1);
        assert_eq!(fs::read(journal_path(folder.path())).unwrap(), journal);
    });
}

/// Where locks are mandatory no second handle can read the journal.
#[test]
fn a_journal_is_read_through_the_handle_that_locks_it() {
    with_drawings(6, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (record, journal, outcome, _) =
            evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        fs::rename(journal_path(folder.path()), folder.path().join("elsewhere")).unwrap();
        let bootstrap = Bootstrap { resamples: 4, seed: 0 };
        let (evaluation, _) = Evaluation::new::<Segmentation>(&dataset, record, &journal, &outcome, bootstrap).unwrap();
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

        // Other images by the same names.
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

/// An image that failed at first comes last in the journal: neither the score nor the draws may depend on that.
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
        let (record, journal, outcome, told) =
            evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((told.done, told.failed.len()), (8, 2));
        assert!(
            told.failed[0].starts_with("case-003: ") && told.failed[1].starts_with("case-005: "),
            "{:?}",
            told.failed
        );
        let (evaluation, _) =
            Evaluation::new::<Segmentation>(&dataset, record, &journal, &outcome, Bootstrap::default()).unwrap();
        assert_eq!((evaluation.scored, evaluation.failed.len()), (8, 2));
        let document = markdown::document(&evaluation);
        assert!(document.contains("- images: 8 of 10, 2 failed") && document.contains("- case-005: "), "{document}");
        drop(journal);

        fs::write(&dataset.samples[3].path, kept).unwrap();
        let model = Fake::default();
        let (.., told) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
        assert_eq!((told.done, told.failed.len(), model.calls.get()), (1, 1, 1));
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
            let (.., told) = evaluate::<Segmentation>(&dataset, &model, folder.path()).unwrap();
            assert_eq!((told.done, told.failed.len()), (0, 4), "{offset}");
            assert!(told.failed[0].contains("not a number of its range"), "{:?}", told.failed);
            let folder = tempfile::tempdir().unwrap();
            let dataset = chestxdet10::grounding(root, root).unwrap();
            let (.., told) = evaluate::<Grounding>(&dataset, &model, folder.path()).unwrap();
            let asked = dataset.samples.iter().filter(|sample| !sample.truth.is_empty()).count();
            assert_eq!(told.failed.len(), asked, "{offset}");
        }
    });
}

#[test]
fn what_is_missing_is_named_with_its_owner() {
    let root = tempfile::tempdir().unwrap();
    let message = |error: Error| error.to_string();
    let found = message(openi::classification(root.path(), root.path()).unwrap_err());
    for part in
        ["openi_multi_label_image.csv is missing", "Deepnoid/RadZero on Hugging Face", "National Library of Medicine"]
    {
        assert!(found.contains(part), "{found}");
    }
    let found = message(plain::classification(&root.path().join("own.csv"), root.path()).unwrap_err());
    assert!(found.contains("own.csv is missing. The file and its images are your own"), "{found}");
    assert!(!found.contains("Hugging Face"), "{found}");
    with_drawings(5, |labels| {
        let dataset = siim::segmentation(labels, root.path()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let found = message(evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).map(drop).unwrap_err());
        for part in ["case-000.dcm is missing", "None of the 5 images", "Kaggle"] {
            assert!(found.contains(part), "{found}");
        }
    });
}

#[test]
fn label_files_of_another_form_are_refused_with_their_line() {
    with_drawings(6, |root| {
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
        let mut hints = Vec::new();
        let mut check = |error: Error, hint: &'static str| {
            assert!(error.to_string().contains(hint), "{hint}: {error}");
            hints.push(hint);
        };

        let labels = read("Chexpert/test_labels.csv");
        write("Chexpert/test_labels.csv", &labels.replacen(",0,0,0,0,0", ",0,-1,0,0,0", 1));
        check(
            chexpert::classification(root, root).unwrap_err(),
            "0 or 1 expected under \"Cardiomegaly\", \"-1\" found",
        );
        write("Chexpert/test_labels.csv", &labels.replacen(",0,0,0,0,0", ",0,,0,0,0", 1));
        check(chexpert::classification(root, root).unwrap_err(), "line 2");
        write("Chexpert/test_labels.csv", &labels.lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
        check(chexpert::classification(root, root).unwrap_err(), "6; 2 found");
        write("Chexpert/test_labels.csv", &labels.replacen("Edema", "Oedema", 1));
        check(chexpert::classification(root, root).unwrap_err(), "a column \"Edema\" expected");

        let boxes = read("ChestXDet10/test.json");
        write("ChestXDet10/test.json", &boxes.replacen("case-000.png", "case-001.png", 1));
        check(chestxdet10::grounding(root, root).unwrap_err(), "the order of the image list expected");
        let prompts = read("ChestXDet10/chestXDet10_test_text.json");
        write("ChestXDet10/test.json", &boxes);
        write("ChestXDet10/chestXDet10_test_text.json", &prompts.replacen("\"3\"", "\"33\"", 1));
        check(chestxdet10::grounding(root, root).unwrap_err(), "none found under \"3\"");

        let runs = read("SIIM/test.csv");
        write("SIIM/test.csv", &runs.replacen(" -1", " 5", 1));
        check(siim::segmentation(root, root).unwrap_err(), "line 2: -1, or pairs");

        write("ChestXDet10/chestXDet10_test_text.json", &prompts);
        write("Chexpert/test_labels.csv", &labels.replacen("case-004", "case-005", 1));
        check(chexpert::classification(root, root).unwrap_err(), "line 6: the order of the image list expected");
        let prompts = read("Chexpert/chexpert5_test_text.json");
        write("Chexpert/test_labels.csv", &labels);
        write(
            "Chexpert/chexpert5_test_text.json",
            &prompts.replacen("\"1\"", "\"x\"", 1).replacen("\"2\"", "\"1\"", 1).replacen("\"x\"", "\"2\"", 1),
        );
        check(
            chexpert::classification(root, root).unwrap_err(),
            "a sentence about Cardiomegaly expected under \"1\", \"There is consolidation\" found",
        );
        let labels = read("OpenI/custom.csv");
        write("OpenI/custom.csv", &labels.replacen("case-001", "case-002", 1));
        check(openi::classification(root, root).unwrap_err(), "line 3: the order of the image list expected");

        write("plain.csv", "image,label,left,top,right,bottom\na.png,mass,5,5,4,9\n");
        check(plain::grounding(&root.join("plain.csv"), root).unwrap_err(), "line 2");
        write("plain.csv", "image,label,mask\na.png,,m.png\n");
        check(plain::segmentation(&root.join("plain.csv"), root).unwrap_err(), "the name of what is marked");
        write("plain.csv", "image,label\na.png,mass\nb.png,nodule\n");
        check(
            plain::segmentation(&root.join("plain.csv"), root).unwrap_err(),
            "one label expected for segmentation, 2 found",
        );
        write("plain.csv", "image,label,mask\na.png,mass,m.png\nb.png,mass,\n");
        check(
            plain::segmentation(&root.join("plain.csv"), root).unwrap_err(),
            "line 3: a box or a mask of \"mass\" expected, neither found",
        );
        write("plain.csv", "image,label\n");
        check(plain::classification(&root.join("plain.csv"), root).unwrap_err(), "at least one image expected");
        write("MS-CXR/test.json", "[]");
        check(ms_cxr::grounding(root, root).unwrap_err(), "at least one image expected");
        write("SIIM/test.csv", "ImageId,EncodedPixels,dicom_path\n");
        check(siim::segmentation(root, root).unwrap_err(), "at least one image expected");
        for name in ["OpenI/openi_multi_label_image.csv", "OpenI/custom.csv"] {
            let header = read(name).lines().next().unwrap().to_owned();
            write(name, &format!("{header}\n"));
        }
        check(openi::classification(root, root).unwrap_err(), "at least one image expected");
        assert_eq!(hints.len(), 18);
    });
}

/// CheXpert's images have one file name; OpenI's have lost the folder and a part of the name.
#[test]
fn images_are_told_apart_by_their_folders() {
    with_drawings(3, |root| {
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        let views = |top: &str, patients: [u32; 2]| {
            patients.map(|patient| format!("{top}/patient{patient}/study1/view1_frontal.jpg"))
        };
        let [first, second] = views("CheXpert/test", [64741, 64742]);
        write("Chexpert/chexpert5_test_image.csv", &format!("Path\n{first}\n{second}\n"));
        let labels = |[first, second]: [String; 2]| {
            format!(
                "Path,Atelectasis,Cardiomegaly,Consolidation,Edema,Pleural Effusion\n{first},0,0,0,0,0\n{second},0,0,0,0,1\n"
            )
        };
        write("Chexpert/test_labels.csv", &labels(views("CheXpert-v1.0/test", [64741, 64742])));
        chexpert::classification(root, root).unwrap();
        write("Chexpert/test_labels.csv", &labels(views("CheXpert-v1.0/test", [64742, 64741])));
        let error = chexpert::classification(root, root).unwrap_err().to_string();
        assert!(error.contains("line 2: the order of the image list expected"), "{error}");

        write(
            "OpenI/openi_multi_label_image.csv",
            "Path\nNLMCXR_png/CXR1_1_IM-0001-4001.png\nNLMCXR_png/CXR21_IM-2.png\n",
        );
        write("OpenI/custom.csv", "imageid,labels_automatic\n1_IM-0001-4001,normal\nCXR21_IM-2,normal\n");
        openi::classification(root, root).unwrap();
        // The end of a number is not the end of a name.
        write("OpenI/custom.csv", "imageid,labels_automatic\n1_IM-0001-4001,normal\n1_IM-2,normal\n");
        let error = openi::classification(root, root).unwrap_err().to_string();
        assert!(error.contains("CXR21_IM-2.png; 1_IM-2 found"), "{error}");
    });
}

/// Boxes of another resolution: the image is reported, not scored as a miss or as one without the finding.
#[test]
fn boxes_beyond_their_image_fail_it() {
    with_drawings(4, |root| {
        let file = root.join("plain.csv");
        let lines = "image,label,left,top,right,bottom\n\
            images/case-000.png,mass,30,30,90,90\nimages/case-001.png,mass,900,3,950,9\nimages/case-002.png,mass,-9,3,-1,9\n\
            images/case-003.png,,,,,\n";
        fs::write(&file, lines).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let dataset = plain::grounding(&file, root).unwrap();
        let (.., told) = evaluate::<Grounding>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((told.done, told.failed.len()), (2, 2), "{:?}", told.failed);
        assert!(told.failed[0].contains("(900, 3) to (950, 9) found"), "{:?}", told.failed);

        let folder = tempfile::tempdir().unwrap();
        let dataset = plain::segmentation(&file, root).unwrap();
        let (.., told) = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((told.done, told.failed.len()), (2, 2), "{:?}", told.failed);
        assert!(told.failed[0].contains("51 x 7 pixels from (900, 3) found"), "{:?}", told.failed);
    });
}

#[test]
fn one_image_has_no_interval_and_undefined_measures_have_reasons() {
    with_drawings(1, |root| {
        let dataset = siim::segmentation(root, root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let evaluation = evaluation::<Segmentation>(&dataset, &Fake::default(), folder.path());
        // The first drawing shows nothing.
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
        // The same model by another name: no difference, and certainly none.
        assert!(line.contains("| +0.0000 | [+0.0000, +0.0000] | 0.900 |"), "{line}");
        let [one, two] = ["0123", "4567"].map(|text| sha256_bytes(text.as_bytes()).to_string());
        assert!(text.contains(&one) && text.contains(&two), "{text}");

        // Other images by the same names.
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
        let (record, journal, outcome, _) =
            evaluate::<Classification>(&dataset, &Fake::default(), folder.path()).unwrap();
        let (evaluation, score) =
            Evaluation::new::<Classification>(&dataset, record, &journal, &outcome, Bootstrap::default()).unwrap();
        let picture = html::Picture { file: "cases/a.png".into(), caption: "<b>".into() };
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
