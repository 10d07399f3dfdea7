//! Writes drawings in the file formats of all published data sets.
//!
//! Each image is written as PNG to `images/` and as DICOM to `dicom/`; the label files have the paths of the published
//! evaluation. The plain format is `plain.csv` (boxes of all findings) and `plain_pneumothorax.csv` (masks of one kind).

use std::fs;
use std::path::{Path, PathBuf};

use image::GrayImage;
use serde_json::{Map, Value, json};

use crate::classes::{CHESTXDET10, CHESTXRAY14, CHEXPERT, Class, KINDS, OPENI, RSNA, SIIM, prompt};
use crate::dicom;
use crate::drawn::{Drawn, Finding};
use crate::error::{Error, Result};

/// Collects label files. Drawings are added one by one, so that only one has to be in memory.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    image_list: String,
    openi: String,
    padchest: Map<String, Value>,
    chestxray14: String,
    chexpert: String,
    chestxdet10: Vec<Value>,
    ms_cxr: Vec<Value>,
    siim: String,
    rsna: String,
    plain: String,
    plain_masks: String,
}

impl Layout {
    /// Starts a layout below `root`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new(root: &Path) -> Result<Self> {
        for folder in ["images", "dicom", "masks"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
        }
        let columns = CHEXPERT.map(|class| class.name).join(",");
        Ok(Self {
            root: root.to_owned(),
            image_list: "Path\n".to_owned(),
            openi: "imageid,labels_automatic\n".to_owned(),
            padchest: Map::new(),
            chestxray14: String::new(),
            chexpert: format!("Path,{columns}\n"),
            chestxdet10: Vec::new(),
            ms_cxr: Vec::new(),
            // The published file has the space.
            siim: ",ImageId, EncodedPixels,dicom_path\n".to_owned(),
            rsna: "ID,img_path,boxes,classes\n".to_owned(),
            plain: "image,label,left,top,right,bottom\n".to_owned(),
            plain_masks: "image,label,mask\n".to_owned(),
        })
    }

    /// Writes the images of `drawn` and adds it to the label files.
    ///
    /// # Errors
    /// [`Error::Levels`], [`Error::Write`].
    pub fn add(&mut self, drawn: &Drawn) -> Result<()> {
        let (name, path) = (&drawn.name, format!("images/{}.png", drawn.name));
        self.save(&path, drawn, drawn.levels.clone())?;
        dicom::write(&self.root.join(format!("dicom/{name}.dcm")), drawn)?;
        self.image_list += &format!("{path}\n");

        let shown: Vec<&str> = KINDS.into_iter().filter(|kind| drawn.has(kind)).collect();
        let or_normal = if shown.is_empty() { vec!["normal"] } else { shown.clone() };
        self.openi += &format!("{name},{}\n", or_normal.join(";"));
        self.padchest.insert(format!("{name}.png"), json!(or_normal));
        let labels = |classes: &[Class], separator: &str| -> String {
            classes.iter().map(|class| format!("{separator}{}", u8::from(drawn.has(class.kind)))).collect()
        };
        self.chestxray14 += &format!("{name}.png{}\n", labels(&CHESTXRAY14, " "));
        self.chexpert += &format!("{path}{}\n", labels(&CHEXPERT, ","));

        let boxed = |finding: &Finding| finding.bounds(drawn.width).map(|b| [b.left, b.top, b.right, b.bottom]);
        let (mut syms, mut boxes) = (Vec::new(), Vec::new());
        for class in CHESTXDET10 {
            for corners in drawn.of(class.kind).filter_map(boxed) {
                syms.push(class.name);
                boxes.push(corners);
            }
        }
        self.chestxdet10.push(json!({ "file_name": format!("{name}.png"), "syms": syms, "boxes": boxes }));
        for finding in &drawn.findings {
            if let Some(corners) = boxed(finding) {
                let phrase = json!({ "name": finding.phrase, "label": [corners] });
                self.ms_cxr.push(json!({ "image": path, "det": [phrase] }));
                let [left, top, right, bottom] = corners;
                self.plain += &format!("{path},{},{left},{top},{right},{bottom}\n", finding.kind);
            }
        }
        if drawn.findings.is_empty() {
            self.plain += &format!("{path},,,,,\n");
        }
        self.masks(drawn, &path)?;

        let whole = |finding: &Finding| {
            let b = finding.bounds(drawn.width)?;
            // The number format of the published file.
            Some(format!("{}.0;{}.0;{}.0;{}.0", b.left, b.top, b.right - b.left + 1, b.bottom - b.top + 1))
        };
        let found: Vec<String> = drawn.of(RSNA).filter_map(whole).collect();
        let found = if found.is_empty() { "nan".to_owned() } else { found.join("|") };
        self.rsna += &format!("{name},dicom/{name}.dcm,{found},{}\n", u8::from(found != "nan"));
        Ok(())
    }

    /// Adds SIIM's run-lengths and the masks of the plain format, one line per finding.
    fn masks(&mut self, drawn: &Drawn, path: &str) -> Result<()> {
        let name = &drawn.name;
        let found: Vec<&Finding> = drawn.of(SIIM).filter(|finding| finding.mask.contains(&true)).collect();
        if found.is_empty() {
            self.siim += &format!("0,{name}, -1,dicom/{name}.dcm\n");
            self.plain_masks += &format!("{path},,\n");
        }
        for (index, finding) in found.iter().enumerate() {
            self.siim += &format!("0,{name},{},dicom/{name}.dcm\n", run_lengths(&finding.mask, drawn));
            let mask = format!("masks/{name}-{index}.png");
            self.save(&mask, drawn, finding.mask.iter().map(|&inside| 255 * u8::from(inside)).collect())?;
            self.plain_masks += &format!("{path},{SIIM},{mask}\n");
        }
        Ok(())
    }

    fn save(&self, name: &str, drawn: &Drawn, levels: Vec<u8>) -> Result<()> {
        let path = self.root.join(name);
        let (expected, found) = ((drawn.width * drawn.height) as usize, levels.len());
        let image = GrayImage::from_raw(drawn.width, drawn.height, levels)
            .filter(|_| expected == found)
            .ok_or_else(|| Error::Levels { name: drawn.name.clone(), expected, found })?;
        image.save(&path).map_err(Error::write(&path))
    }

    /// Writes the label files.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let prompts = |classes: &[Class]| sentences(classes.iter().map(Class::prompt));
        // PadChest has the classes that occur.
        let kinds = KINDS.iter().filter(|kind| {
            let lists = self.padchest.values().filter_map(Value::as_array);
            lists.flatten().any(|label| label.as_str() == Some(kind))
        });
        let padchest = sentences(kinds.map(|kind| prompt(kind)));
        for (name, text) in [
            ("OpenI/openi_multi_label_image.csv", self.image_list.clone()),
            ("OpenI/openi_multi_label_text.json", prompts(&OPENI)),
            ("OpenI/custom.csv", self.openi),
            ("PadChest/padchest_multi_label_image.csv", self.image_list.clone()),
            ("PadChest/padchest_multi_label_text.json", padchest),
            ("PadChest/manual_image.json", in_order(&self.padchest, &self.image_list)),
            ("ChestXray14/chestxray14_test_image.csv", self.image_list.clone()),
            ("ChestXray14/chestxray14_test_text.json", prompts(&CHESTXRAY14)),
            ("ChestXray14/test_list.txt", self.chestxray14),
            ("Chexpert/chexpert5_test_image.csv", self.image_list.clone()),
            ("Chexpert/chexpert5_test_text.json", prompts(&CHEXPERT)),
            ("Chexpert/test_labels.csv", self.chexpert),
            ("ChestXDet10/chestXDet10_test_image.csv", self.image_list),
            ("ChestXDet10/chestXDet10_test_text.json", prompts(&CHESTXDET10)),
            ("ChestXDet10/test.json", Value::from(self.chestxdet10).to_string()),
            ("MS-CXR/test.json", Value::from(self.ms_cxr).to_string()),
            ("SIIM/test.csv", self.siim),
            ("RSNA/test.csv", self.rsna),
            ("plain.csv", self.plain),
            ("plain_pneumothorax.csv", self.plain_masks),
        ] {
            let path = self.root.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(Error::write(folder))?;
            }
            fs::write(&path, text).map_err(Error::write(&path))?;
        }
        Ok(())
    }
}

/// Sentences in the published format: `{"0": ["There is ..."], ...}`.
fn sentences(prompts: impl Iterator<Item = String>) -> String {
    let entries = prompts.enumerate().map(|(index, prompt)| (index.to_string(), json!([prompt])));
    Value::Object(entries.collect()).to_string()
}

/// A JSON object with its entries in the order of the image list, which a `Map` does not preserve.
fn in_order(labels: &Map<String, Value>, list: &str) -> String {
    let names = list.lines().skip(1).map(|path| path.trim_start_matches("images/"));
    let entries: Vec<String> = names.map(|name| format!("{}:{}", json!(name), labels[name])).collect();
    format!("{{{}}}", entries.join(","))
}

/// SIIM-ACR's run-lengths: pairs of start and length, column by column, each start relative to the end of the previous run.
fn run_lengths(mask: &[bool], drawn: &Drawn) -> String {
    let (width, height) = (drawn.width as usize, drawn.height as usize);
    let columns = (0..width).flat_map(|x| (0..height).map(move |y| mask[y * width + x]));
    let mut numbers: Vec<String> = Vec::new();
    let (mut gap, mut run) = (0, 0);
    for inside in columns.chain([false]) {
        if inside {
            run += 1;
            continue;
        }
        if run > 0 {
            numbers.push(format!("{gap} {run}"));
            (gap, run) = (0, 0);
        }
        gap += 1;
    }
    numbers.join(" ")
}
