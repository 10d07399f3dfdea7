//! The range of each channel's values.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis};

/// Largest absolute value of each channel, by name of the site.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<String, Array1<f32>>);

impl Ranges {
    /// Extends the range of the site `name` to `values` \[tokens, channels\].
    pub(super) fn include(&mut self, name: String, values: &Array2<f32>) {
        let found = values.fold_axis(Axis(0), 0.0_f32, |most, value| most.max(value.abs()));
        self.0
            .entry(name)
            .and_modify(|range| range.zip_mut_with(&found, |range, found| *range = range.max(*found)))
            .or_insert(found);
    }

    pub(super) fn of(&self, name: &str) -> Option<&Array1<f32>> {
        self.0.get(name)
    }
}
