//! The published numbers (`published.json`).

use serde::Deserialize;

/// The published numbers and their source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedNumbers {
    /// The paper.
    pub source: String,
    /// How much the numbers vary between training runs.
    pub spread: String,
    /// The numbers.
    pub values: Vec<PublishedValue>,
}

/// A published number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedValue {
    /// The data set.
    pub dataset: String,
    /// The measure, as in [`Measure::name`](crate::tasks::Measure::name).
    pub name: String,
    /// What it is a measure of, as in [`Measure::of`](crate::tasks::Measure::of).
    pub of: String,
    /// The number, to three decimals.
    pub value: f64,
}

impl PublishedNumbers {
    /// The numbers of the paper.
    ///
    /// # Errors
    /// None in a tested build: the file is compiled in.
    pub fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("published.json"))
    }

    /// The published number for a measure on a data set.
    #[must_use]
    pub fn find(&self, dataset: &str, name: &str, of: &str) -> Option<f64> {
        let found = self.values.iter().find(|value| value.dataset == dataset && value.name == name && value.of == of);
        found.map(|value| value.value)
    }
}

/// The published number as a cell of a table; empty if there is none.
pub(super) fn cell(dataset: &str, name: &str, of: &str) -> String {
    let found = PublishedNumbers::load().ok().and_then(|published| published.find(dataset, name, of));
    found.map_or_else(String::new, |value| format!("{value:.3}"))
}

/// The source and spread of the published numbers of a data set; empty if it has none.
pub(super) fn note(dataset: &str) -> String {
    let found = PublishedNumbers::load().ok().filter(|all| all.values.iter().any(|value| value.dataset == dataset));
    found.map_or_else(String::new, |all| format!("Published: {}. Spread of such numbers {}.", all.source, all.spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let published = PublishedNumbers::load().unwrap();
        assert_eq!(published.find("SIIM", "Dice", "Pneumothorax"), Some(0.171));
        assert_eq!(published.find("SIIM", "Dice", "Pneumonia"), None);
        assert!(note("SIIM").contains("NeurIPS 2025") && note("SIIM").contains("over training seeds"));
        assert_eq!(note("plain"), "");
        assert!(published.values.iter().all(|value| (0.0..=1.0).contains(&value.value)));
    }
}
