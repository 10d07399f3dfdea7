//! Classification, from the logit of each class in each image.
//!
//! Measures, macro, micro, per class and for the groups of classes of the data set: AUROC, AUPRC by trapezoids (the published
//! number) and average precision.

use radzero_core::Radiograph;
use serde::{Deserialize, Serialize};

use super::score::{best_and_worst, column, measured};
use super::{Case, ClassScore, Curves, Rows, Score, Similarity, Task, TaskKind};
use crate::datasets::registry::{self, Entry};
use crate::datasets::{Dataset, Labels};
use crate::error::{Error, Result};
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::classes::{ClassRankings, Metric};
use crate::metrics::precision_recall::{auprc, average_precision, precision_recall_curve};
use crate::metrics::roc::{auroc, roc_curve};
use crate::metrics::{Curve, Undefined, Value, mean_of_defined};

/// The task; it needs no buffers.
#[derive(Debug, Default)]
pub struct Classification;

/// The logits of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageLogits {
    /// One per class.
    pub logits: Vec<f32>,
}

const METRICS: [(&str, Metric); 3] = [("AUROC", auroc), ("AUPRC", auprc), ("average precision", average_precision)];

/// Most curves in a diagram; with more classes, those with the most positive images are drawn.
const CURVES: usize = 14;

impl Task for Classification {
    const KIND: TaskKind = TaskKind::Classification;
    const DATASETS: &'static [Entry<Labels>] = registry::CLASSIFICATION;
    type Truth = Labels;
    type Row = ImageLogits;

    fn prompts(_: &Labels, prompts: usize) -> Vec<usize> {
        (0..prompts).collect()
    }

    fn observe<S: Similarity>(&mut self, _: &Labels, _: &Radiograph, found: &[S]) -> Result<ImageLogits> {
        Ok(ImageLogits { logits: found.iter().map(S::logit).collect() })
    }

    fn score(dataset: &Dataset<Labels>, rows: &impl Rows, bootstrap: &Bootstrap) -> Result<Score> {
        let classes = dataset.classes.len();
        let mut scored: Vec<(usize, Vec<f32>)> = Vec::new();
        rows.visit(|sample, image, row: ImageLogits| {
            if row.logits.len() != classes {
                return Err(Error::Truth(format!("{image}: {classes} logits expected, {} found", row.logits.len())));
            }
            scored.push((sample, row.logits));
            Ok(())
        })?;
        scored.sort_unstable_by_key(|(sample, _)| *sample);
        let label = |image: usize, class: usize| dataset.samples[scored[image].0].truth[class];
        let score = |image: usize, class: usize| f64::from(scored[image].1[class]);
        let images = scored.len();
        let rankings = ClassRankings::new(images, classes, |image, class| (score(image, class), label(image, class)));

        let all = |weights: Option<&[u32]>| {
            let mut values = Vec::new();
            for (_, metric) in METRICS {
                let per_class = rankings.per_class(metric, weights);
                values.push(mean_of_defined(per_class.iter().copied()));
                values.push(rankings.micro(metric, weights));
                let members = dataset.groups.iter();
                values
                    .extend(members.map(|group| mean_of_defined(group.classes.iter().map(|&class| per_class[class]))));
                values.extend(per_class);
            }
            values
        };
        let values = all(None);
        let replicates: Vec<Vec<Value>> = bootstrap.replicate(images, |weights| all(Some(weights)));
        let mut measures = Vec::new();
        let mut class_scores: Vec<ClassScore> = (0..classes)
            .map(|class| ClassScore {
                class: dataset.classes[class].clone(),
                prompt: dataset.prompts[class].clone(),
                positives: (0..images).filter(|&image| label(image, class)).count(),
                measures: Vec::new(),
            })
            .collect();
        let mut index = 0;
        for (name, _) in METRICS {
            let of = ["macro", "micro"].into_iter().chain(dataset.groups.iter().map(|group| group.name.as_str()));
            for of in of {
                measures.push(measured(name, of, values[index], &column(&replicates, index), images));
                index += 1;
            }
            for class in &mut class_scores {
                let mut measure = measured(name, &class.class, values[index], &column(&replicates, index), images);
                // Two results are compared by the measures of all images; replicates per class would only fill the file.
                measure.replicates.clear();
                class.measures.push(measure);
                index += 1;
            }
        }

        let cases = (0..classes).flat_map(|class| {
            let ranks = ranks(images, |image| (score(image, class), label(image, class)));
            ranks.unwrap_or_default().into_iter().map(move |(image, rank)| (class, image, rank))
        });
        let cases = cases.map(|(class, image, rank)| {
            let caption =
                format!("logit {:.3}, above {:.1} % of the negative images", score(image, class), 100.0 * rank);
            (rank, Case { sample: scored[image].0, prompt: class, caption, threshold: 0.5 })
        });
        let (best, worst) = best_and_worst(cases.collect());
        let curves = curves(dataset, &rankings, &class_scores);
        Ok(Score { images, measures, classes: class_scores, dice_by_threshold: None, curves, best, worst })
    }
}

/// Each positive image with the share of negative images ranked below it, its contribution to the AUROC.
fn ranks(images: usize, at: impl Fn(usize) -> (f64, bool)) -> Result<Vec<(usize, f64)>, Undefined> {
    let mut negatives: Vec<f64> =
        (0..images).map(&at).filter(|(_, positive)| !positive).map(|(score, _)| score).collect();
    if negatives.is_empty() {
        return Err(Undefined::NoNegative);
    }
    negatives.sort_unstable_by(f64::total_cmp);
    let share = |score: f64| negatives.partition_point(|&negative| negative < score) as f64 / negatives.len() as f64;
    let positives = (0..images).map(|image| (image, at(image))).filter(|(_, (_, positive))| *positive);
    Ok(positives.map(|(image, (score, _))| (image, share(score))).collect())
}

fn curves(dataset: &Dataset<Labels>, rankings: &ClassRankings, scores: &[ClassScore]) -> Vec<Curves> {
    let mut classes: Vec<usize> = (0..scores.len()).filter(|&class| scores[class].positives > 0).collect();
    let note = match classes.len() {
        few if few <= CURVES => String::new(),
        many => format!(" ({CURVES} of {many} classes, those with the most positive images)"),
    };
    classes.sort_by_key(|&class| std::cmp::Reverse(scores[class].positives));
    classes.truncate(CURVES);
    let series = |curve: fn(&_) -> Result<Curve, Undefined>| {
        let named = classes.iter().filter_map(|&class| {
            let points = curve(rankings.classes()[class].as_ref().ok()?).ok()?;
            Some((dataset.classes[class].clone(), points))
        });
        named.collect()
    };
    vec![
        Curves {
            title: format!("Receiver operating characteristic{note}"),
            x: "false positive rate",
            y: "true positive rate",
            diagonal: true,
            series: series(roc_curve),
        },
        Curves {
            title: format!("Precision and recall{note}"),
            x: "recall",
            y: "precision",
            diagonal: false,
            series: series(precision_recall_curve),
        },
    ]
}
