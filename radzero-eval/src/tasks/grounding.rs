//! Grounding, from the point of greatest similarity for each target.
//!
//! Measures: the pointing game as mean over classes (the published number), over all targets, and per class.

use radzero_core::{Peak, Radiograph};
use serde::{Deserialize, Serialize};

use super::score::{best_and_worst, column, measured};
use super::{Case, ClassScore, Rows, Score, Similarity, Task, TaskKind};
use crate::datasets::registry::{self, Entry};
use crate::datasets::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::metrics::Undefined;
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::pointing::{Corners, PointingGame, hit};

/// The task; it needs no buffers.
#[derive(Debug, Default)]
pub struct Grounding;

/// Where the model points in an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagePoints {
    /// One per target.
    pub points: Vec<Point>,
}

/// The point of greatest similarity for a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Column, in pixels of the image.
    pub x: usize,
    /// Row, in pixels of the image.
    pub y: usize,
    /// Similarity there.
    pub similarity: f32,
    /// Whether it lies in a box of the target.
    pub hit: bool,
}

const NAME: &str = "pointing game";

impl Task for Grounding {
    const KIND: TaskKind = TaskKind::Grounding;
    const DATASETS: &'static [Entry<Targets>] = registry::GROUNDING;
    type Truth = Targets;
    type Row = ImagePoints;

    fn prompts(truth: &Targets, _: usize) -> Vec<usize> {
        truth.iter().map(|target| target.prompt).collect()
    }

    fn observe<S: Similarity>(&mut self, truth: &Targets, radiograph: &Radiograph, found: &[S]) -> Result<ImagePoints> {
        let (width, height) = (radiograph.width(), radiograph.height());
        for corners in truth.iter().flat_map(|target| &target.boxes) {
            if !corners.touch(width, height) {
                let Corners { left, top, right, bottom } = corners;
                let message = format!(
                    "a box with a pixel of the image of {width} x {height} expected, ({left}, {top}) to ({right}, {bottom}) found"
                );
                return Err(Error::Truth(message));
            }
        }
        let points = truth.iter().zip(found).map(|(target, found)| {
            let Peak { x, y, value: similarity } = found.peak();
            // Also fails if every value is NaN: no value exceeds the start.
            if !(0.0..=1.0).contains(&similarity) {
                return Err(Error::ModelValue(Undefined::NotANumber));
            }
            Ok(Point { x, y, similarity, hit: hit(&target.boxes, x as f64, y as f64) })
        });
        Ok(ImagePoints { points: points.collect::<Result<_>>()? })
    }

    fn score(dataset: &Dataset<Targets>, rows: &impl Rows, bootstrap: &Bootstrap) -> Result<Score> {
        let classes = dataset.classes.len();
        let mut scored: Vec<(usize, Vec<Point>)> = Vec::new();
        rows.visit(|sample, image, row: ImagePoints| {
            let expected = dataset.samples[sample].truth.len();
            if row.points.len() != expected {
                return Err(Error::Truth(format!("{image}: {expected} points expected, {} found", row.points.len())));
            }
            scored.push((sample, row.points));
            Ok(())
        })?;
        scored.sort_unstable_by_key(|(sample, _)| *sample);
        let targets = |sample: usize| &dataset.samples[sample].truth;
        let play = |weights: Option<&[u32]>| {
            let mut game = PointingGame::new(classes);
            for (index, (sample, points)) in scored.iter().enumerate() {
                let times = weights.map_or(1, |weights| weights[index]);
                for (target, point) in targets(*sample).iter().zip(points) {
                    game.count(target.class, point.hit, times);
                }
            }
            let mut values = vec![game.class_mean(), game.overall()];
            values.extend(game.per_class());
            values
        };
        let (values, images) = (play(None), scored.len());
        let replicates = bootstrap.replicate(images, |weights| play(Some(weights)));
        let measure = |of: &str, index: usize| measured(NAME, of, values[index], &column(&replicates, index), images);
        let measures = vec![measure("class mean", 0), measure("all targets", 1)];
        let class_scores = (0..classes).map(|class| {
            let of_class =
                scored.iter().flat_map(|(sample, _)| targets(*sample)).filter(|target| target.class == class);
            let mut prompts: Vec<&str> =
                of_class.clone().map(|target| dataset.prompts[target.prompt].as_str()).collect();
            prompts.dedup();
            let mut share = measure(&dataset.classes[class], class + 2);
            share.replicates.clear();
            ClassScore {
                class: dataset.classes[class].clone(),
                // A class has one sentence; the class of phrases has many.
                prompt: if let [prompt] = prompts[..] { prompt.to_owned() } else { String::new() },
                positives: of_class.count(),
                measures: vec![share],
            }
        });
        let class_scores = class_scores.collect();

        // A miss with high similarity is worse than one with low similarity.
        let cases = scored.iter().flat_map(|(sample, points)| {
            targets(*sample).iter().zip(points).map(move |(target, point)| {
                let key = if point.hit { 1.0 + f64::from(point.similarity) } else { -f64::from(point.similarity) };
                let what = if point.hit { "hit" } else { "miss" };
                let caption = format!("{what}, similarity {:.3} at ({}, {})", point.similarity, point.x, point.y);
                (key, Case { sample: *sample, prompt: target.prompt, caption, threshold: 0.5 })
            })
        });
        let (best, worst) = best_and_worst(cases.collect());
        Ok(Score { images, measures, classes: class_scores, best, worst, ..Score::default() })
    }
}
