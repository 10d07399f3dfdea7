//! Segmentation, from the number of pixels above each threshold, inside and outside the mask.
//!
//! Measures: mean Dice of the positive images at the best threshold, that threshold, the specificity at it, AUROC of pixels
//! and of images.

use std::path::Path;

use radzero_core::Radiograph;
use serde::{Deserialize, Serialize};

use super::score::{best_and_worst, column, measured};
use super::{Case, Curves, Rows, Score, Similarity, Task, TaskKind};
use crate::datasets::registry::{self, Entry};
use crate::datasets::{Dataset, Regions};
use crate::error::{Error, Result};
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::overlap::{AboveCounts, DiceCurve, THRESHOLDS, specificity, threshold};
use crate::metrics::pixels::{BINS, BinCount, Counter, ImageHistogram, PixelHistogram};
use crate::metrics::ranking::Ranking;
use crate::metrics::roc::{auroc, roc_curve};
use crate::metrics::{Undefined, Value};

/// The task, with a buffer for counting pixels.
#[derive(Debug, Default)]
pub struct Segmentation {
    counter: Counter,
}

/// The pixel counts of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageCounts {
    /// The logit of the one sentence.
    pub logit: f32,
    /// Number of pixels above each threshold.
    pub above: AboveCounts,
    /// Index, pixels inside and pixels outside the mask of each non-empty bin.
    pub bins: Vec<(u32, u32, u32)>,
}

impl ImageCounts {
    /// Checks counts read back from a journal, which may be damaged, so that every computation on them is valid.
    fn check(&self) -> Result<(), String> {
        let Self { above: AboveCounts { inside, outside, area }, bins, .. } = self;
        if [inside.len(), outside.len()] != [THRESHOLDS; 2] {
            return Err(format!("{THRESHOLDS} thresholds expected, {} and {} found", inside.len(), outside.len()));
        }
        if !bins.is_sorted_by(|one, next| one.0 < next.0) || bins.last().is_some_and(|last| last.0 as usize >= BINS) {
            return Err(format!("ascending bins below {BINS} expected, others found"));
        }
        let sum = |count: fn(&(u32, u32, u32)) -> u32| bins.iter().map(|bin| u64::from(count(bin))).sum::<u64>();
        let pixels = [sum(|bin| bin.1), sum(|bin| bin.2)];
        if pixels[0] != u64::from(*area) || pixels.iter().sum::<u64>() > u64::from(u32::MAX) {
            return Err(format!("{area} pixels inside expected, {} and {} outside found", pixels[0], pixels[1]));
        }
        for (counts, pixels) in [inside, outside].into_iter().zip(pixels) {
            let most = counts.iter().max().copied().unwrap_or(0);
            if u64::from(most) > pixels || !counts.is_sorted_by(|one, next| one >= next) {
                return Err(format!("counts that fall from at most {pixels} expected, others found"));
            }
        }
        Ok(())
    }

    fn histogram(&self) -> ImageHistogram {
        let bins = self.bins.iter().map(|&(bin, inside, outside)| BinCount { bin, inside, outside });
        ImageHistogram { bins: bins.collect() }
    }
}

/// What is kept in memory of an image.
struct ScoredImage {
    sample: usize,
    logit: f64,
    /// Dice at each threshold, for a positive image.
    dice: Option<Vec<f64>>,
    clear_from: usize,
}

/// 2^`COARSER` bins are merged for the pixel AUROC of the resamples: the histograms of all resamples are in memory at once, so
/// that the rows are read only once more.
const COARSER: u32 = 4;

impl Task for Segmentation {
    const KIND: TaskKind = TaskKind::Segmentation;
    const DATASETS: &'static [Entry<Regions>] = registry::SEGMENTATION;
    type Truth = Regions;
    type Row = ImageCounts;

    fn prompts(_: &Regions, _: usize) -> Vec<usize> {
        vec![0]
    }

    fn files(truth: &Regions) -> Vec<&Path> {
        truth.files()
    }

    fn observe<S: Similarity>(&mut self, truth: &Regions, radiograph: &Radiograph, found: &[S]) -> Result<ImageCounts> {
        let mask = truth.mask(radiograph.width(), radiograph.height())?;
        let found = found.first().ok_or(Error::ModelValue(Undefined::NoSample))?;
        let map = found.map();
        let above = AboveCounts::new(map.view(), mask.view()).map_err(Error::ModelValue)?;
        let histogram = self.counter.count(map.view(), mask.view()).map_err(Error::ModelValue)?;
        let bins = histogram.bins.into_iter().map(|count| (count.bin, count.inside, count.outside)).collect();
        Ok(ImageCounts { logit: found.logit(), above, bins })
    }

    fn score(dataset: &Dataset<Regions>, rows: &impl Rows, bootstrap: &Bootstrap) -> Result<Score> {
        let mut images: Vec<ScoredImage> = Vec::new();
        let mut pixels = PixelHistogram::default();
        rows.visit(|sample, image, row: ImageCounts| {
            row.check().map_err(|problem| Error::Truth(format!("{image}: {problem}")))?;
            pixels.add(&row.histogram(), 1);
            let (dice, clear_from) = (row.above.dice().ok(), row.above.clear_from());
            images.push(ScoredImage { sample, logit: f64::from(row.logit), dice, clear_from });
            Ok(())
        })?;
        images.sort_unstable_by_key(|image| image.sample);
        let count = images.len();
        let ranking = Ranking::new(images.iter().map(|image| (image.logit, image.dice.is_some())));
        let measure = |weights: Option<&[u32]>| -> [Value; 4] {
            let weight = |index: usize| weights.map_or(1, |weights| weights[index]);
            let image_auroc = ranking.as_ref().map_err(|&reason| reason).and_then(|ranking| auroc(ranking, weights));
            let best = curve(&images, weight).map(|curve| curve.best());
            let clear = best.and_then(|(best, _)| specificity(negatives(&images, weight), best));
            [best.map(|best| best.1), best.map(|best| f64::from(threshold(best.0))), clear, image_auroc]
        };
        let values = measure(None);
        let replicates = bootstrap.replicate(count, |weights| measure(Some(weights)).to_vec());
        let named = ["Dice", "best threshold", "specificity", "image AUROC"];
        let mut measures: Vec<_> = (0..)
            .zip(named)
            .map(|(index, name)| measured(name, &dataset.classes[0], values[index], &column(&replicates, index), count))
            .collect();

        let exact = pixels.auroc();
        let replicates = pixel_replicates(rows, bootstrap, &images)?;
        let value = exact.map(|pixels| pixels.value);
        let mut pixel = measured("pixel AUROC", &dataset.classes[0], value, &replicates, count);
        pixel.bound = exact.ok().map(|pixels| pixels.bound);
        measures.push(pixel);

        let best = curve(&images, |_| 1);
        let at = best.as_ref().map_or(THRESHOLDS / 2, |curve| curve.best().0);
        let cases = images.iter().filter_map(|image| {
            let dice = image.dice.as_ref()?[at];
            let caption = format!("Dice {dice:.3} at {:.2}, logit {:.3}", threshold(at), image.logit);
            Some((dice, Case { sample: image.sample, prompt: 0, caption, threshold: threshold(at) }))
        });
        let (best_cases, worst) = best_and_worst(cases.collect());
        let mut curves = Vec::new();
        if let Ok(best) = &best {
            let points = best.means.iter().enumerate().map(|(index, &mean)| (f64::from(threshold(index)), mean));
            let (x, y) = ("threshold", "mean Dice of positive images");
            let series = vec![(dataset.classes[0].clone(), points.collect())];
            curves.push(Curves { title: "Dice over thresholds".to_owned(), x, y, diagonal: false, series });
        }
        if let Ok(points) = ranking.as_ref().map_err(|&reason| reason).and_then(roc_curve) {
            let (x, y) = ("false positive rate", "true positive rate");
            let title = "Receiver operating characteristic of images".to_owned();
            curves.push(Curves { title, x, y, diagonal: true, series: vec![(dataset.classes[0].clone(), points)] });
        }
        Ok(Score {
            images: count,
            measures,
            classes: Vec::new(),
            dice_by_threshold: best.ok().map(|curve| curve.means),
            curves,
            best: best_cases,
            worst,
        })
    }
}

fn curve(images: &[ScoredImage], weight: impl Fn(usize) -> u32) -> Result<DiceCurve, Undefined> {
    let positive = images.iter().enumerate().filter_map(|(index, image)| Some((image.dice.as_deref()?, weight(index))));
    DiceCurve::new(positive)
}

fn negatives(images: &[ScoredImage], weight: impl Fn(usize) -> u32) -> impl Iterator<Item = (usize, u32)> {
    let negative = images.iter().enumerate().filter(|(_, image)| image.dice.is_none());
    negative.map(move |(index, image)| (image.clear_from, weight(index)))
}

/// The pixel AUROC in each resample, in one pass over the rows: each image is added to the histogram of every resample.
fn pixel_replicates(rows: &impl Rows, bootstrap: &Bootstrap, images: &[ScoredImage]) -> Result<Vec<Value>> {
    let weights = bootstrap.replicate(images.len(), <[u32]>::to_vec);
    let mut histograms = vec![PixelHistogram::coarse(COARSER); weights.len()];
    rows.visit(|sample, _, row: ImageCounts| {
        let pixels = row.histogram().coarse(COARSER);
        let index = images.partition_point(|image| image.sample < sample);
        for (histogram, weights) in histograms.iter_mut().zip(&weights) {
            if weights[index] > 0 {
                histogram.add(&pixels, weights[index]);
            }
        }
        Ok(())
    })?;
    Ok(histograms.iter().map(|histogram| histogram.auroc().map(|pixels| pixels.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Damage = fn(&mut ImageCounts);

    fn row() -> ImageCounts {
        let mut above = AboveCounts { inside: vec![0; THRESHOLDS], outside: vec![0; THRESHOLDS], area: 3 };
        above.inside[..40].fill(3);
        above.outside[..20].fill(2);
        ImageCounts { logit: 0.5, above, bins: vec![(5, 0, 2), (9, 3, 0)] }
    }

    #[test]
    fn damaged_rows_are_told_from_whole_ones() {
        assert_eq!(row().check(), Ok(()));
        let damages: [(Damage, &str); 9] = [
            (|row| row.above.inside.clear(), "101 thresholds expected, 0 and 101 found"),
            (|row| row.above.outside.push(0), "101 thresholds expected, 101 and 102 found"),
            (|row| row.bins.swap(0, 1), "ascending bins"),
            (|row| row.bins[1].0 = 5, "ascending bins"),
            (|row| row.bins[1].0 = BINS as u32, "below 23553"),
            (|row| row.above.area = 4, "4 pixels inside expected, 3 and 2 outside found"),
            (|row| row.bins[0].2 = u32::MAX, "3 and 4294967295 outside"),
            (|row| row.above.outside[0] = 3, "counts that fall from at most 2"),
            (|row| row.above.inside[70] = 1, "counts that fall from at most 3"),
        ];
        for (damage, hint) in damages {
            let mut row = row();
            damage(&mut row);
            let problem = row.check().err().unwrap_or_default();
            assert!(problem.contains(hint), "{hint}: {problem}");
        }
    }
}
