//! The classes of the published data sets, in the order of their files, and the drawn finding that each corresponds to.

/// A class of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Its name in the data set.
    pub name: &'static str,
    /// The drawn finding; empty if it is never drawn, so that the class has no positive image.
    pub kind: &'static str,
}

const fn class(name: &'static str, kind: &'static str) -> Class {
    Class { name, kind }
}

/// OpenI.
pub const OPENI: [Class; 18] = [
    class("Atelectasis", "atelectasis"),
    class("Cardiomegaly", "cardiomegaly"),
    class("Effusion", "pleural effusion"),
    class("Infiltration", ""),
    class("Mass", "mass"),
    class("Nodule", "nodule"),
    class("Pneumonia", ""),
    class("Pneumothorax", "pneumothorax"),
    class("Edema", ""),
    class("Emphysema", ""),
    class("Fibrosis", ""),
    class("Pleural Thickening", ""),
    class("Hernia", ""),
    class("Fracture", "fracture"),
    class("Lung Opacity", ""),
    class("Lung Lesion", ""),
    class("Calcified Granuloma", ""),
    class("Granuloma", ""),
];

/// ChestX-ray14.
pub const CHESTXRAY14: [Class; 14] = [
    class("Atelectasis", "atelectasis"),
    class("Cardiomegaly", "cardiomegaly"),
    class("Effusion", "pleural effusion"),
    class("Infiltration", ""),
    class("Lung Mass", "mass"),
    class("Lung Nodule", "nodule"),
    class("Pneumonia", ""),
    class("Pneumothorax", "pneumothorax"),
    class("Consolidation", "consolidation"),
    class("Edema", ""),
    class("Emphysema", ""),
    class("Fibrosis", ""),
    class("Pleural Thickening", ""),
    class("Hernia", ""),
];

/// CheXpert.
pub const CHEXPERT: [Class; 5] = [
    class("Atelectasis", "atelectasis"),
    class("Cardiomegaly", "cardiomegaly"),
    class("Consolidation", "consolidation"),
    class("Edema", ""),
    class("Pleural Effusion", "pleural effusion"),
];

/// ChestX-Det10.
pub const CHESTXDET10: [Class; 10] = [
    class("Atelectasis", "atelectasis"),
    class("Calcification", ""),
    class("Consolidation", "consolidation"),
    class("Effusion", "pleural effusion"),
    class("Emphysema", ""),
    class("Fibrosis", ""),
    class("Fracture", "fracture"),
    class("Mass", "mass"),
    class("Nodule", "nodule"),
    class("Pneumothorax", "pneumothorax"),
];

/// The drawn findings in alphabetical order, which are the classes of PadChest and of the plain format.
pub const KINDS: [&str; 9] = [
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "fracture",
    "mass",
    "nodule",
    "pacemaker",
    "pleural effusion",
    "pneumothorax",
];

/// SIIM's finding.
pub const SIIM: &str = "pneumothorax";

/// The drawn finding that stands in for RSNA's pneumonia.
pub const RSNA: &str = "consolidation";

impl Class {
    /// The sentence that images are compared with.
    #[must_use]
    pub fn prompt(&self) -> String {
        prompt(if self.kind.is_empty() { self.name } else { self.kind })
    }
}

/// The sentence in its published form.
#[must_use]
pub fn prompt(finding: &str) -> String {
    format!("There is {}", finding.to_lowercase())
}
