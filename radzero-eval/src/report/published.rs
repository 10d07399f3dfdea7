//! The published numbers (`published.json`).

use serde::Deserialize;

/// The published numbers and where they are from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Published {
    /// The paper.
    pub source: String,
    /// How far results of several trainings lie apart.
    pub spread: String,
    /// The numbers.
    pub values: Vec<PublishedValue>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedValue {
    /// The data set.
    pub dataset: String,
    /// The measure, as in [`Measure::name`](super::result::Measure::name).
    pub name: String,
    /// Of what, as in [`Measure::of`](super::result::Measure::of).
    pub of: String,
    /// The number, with three decimals.
    pub value: f64,
}

impl Published {
    /// The numbers of the paper.
    ///
    /// # Errors
    /// None in a tested build: the file is part of the program.
    pub fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("published.json"))
    }

    /// The number of a measure of a data set.
    #[must_use]
    pub fn find(&self, dataset: &str, name: &str, of: &str) -> Option<f64> {
        let found = self.values.iter().find(|value| value.dataset == dataset && value.name == name && value.of == of);
        found.map(|value| value.value)
    }
}

/// The number of a measure for a table; empty where there is none.
pub(super) fn cell(dataset: &str, name: &str, of: &str) -> String {
    let found = Published::load().ok().and_then(|published| published.find(dataset, name, of));
    found.map_or_else(String::new, |value| format!("{value:.3}"))
}

/// Where the published numbers of a data set are from, and how far they vary; empty where it has none.
pub(super) fn note(dataset: &str) -> String {
    let found = Published::load().ok().filter(|all| all.values.iter().any(|value| value.dataset == dataset));
    found.map_or_else(String::new, |all| format!("Published: {}. Spread of such numbers {}.", all.source, all.spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let published = Published::load().unwrap();
        assert_eq!(published.find("SIIM", "Dice", "Pneumothorax"), Some(0.171));
        assert_eq!(published.find("SIIM", "Dice", "Pneumonia"), None);
        assert!(note("SIIM").contains("NeurIPS 2025") && note("SIIM").contains("over training seeds"));
        assert_eq!(note("plain"), "");
        assert!(published.values.iter().all(|value| (0.0..=1.0).contains(&value.value)));
    }
}
