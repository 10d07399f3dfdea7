//! Label files: what is missing, malformed or inconsistent is refused with its file and line.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::{Fake, evaluate, with_drawings};
use radzero_eval::Error;
use radzero_eval::datasets::{chestxdet10, chexpert, ms_cxr, openi, plain, siim};
use radzero_eval::tasks::{Grounding, Segmentation};

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

/// CheXpert's images share file names; OpenI's names lack the folder and part of the file name.
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
        // A name must not match within a number.
        write("OpenI/custom.csv", "imageid,labels_automatic\n1_IM-0001-4001,normal\n1_IM-2,normal\n");
        let error = openi::classification(root, root).unwrap_err().to_string();
        assert!(error.contains("CXR21_IM-2.png; 1_IM-2 found"), "{error}");
    });
}

/// With boxes for another resolution, the image is reported; it must not count as a miss or as negative.
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
        let (.., events) = evaluate::<Grounding>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((events.done, events.failed.len()), (2, 2), "{:?}", events.failed);
        assert!(events.failed[0].contains("(900, 3) to (950, 9) found"), "{:?}", events.failed);

        let folder = tempfile::tempdir().unwrap();
        let dataset = plain::segmentation(&file, root).unwrap();
        let (.., events) = evaluate::<Segmentation>(&dataset, &Fake::default(), folder.path()).unwrap();
        assert_eq!((events.done, events.failed.len()), (2, 2), "{:?}", events.failed);
        assert!(events.failed[0].contains("51 x 7 pixels from (900, 3) found"), "{:?}", events.failed);
    });
}
