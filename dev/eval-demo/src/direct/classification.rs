//! AUROC, AUPRC and average precision.

use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::run::model::Model;
use radzero_eval::tasks::Similarity;

use super::{Direct, DirectScore, ImageFiles, compare, mean, pairs, percentile, score};
use crate::classes::Class;
use crate::drawn::Drawn;
use crate::error::Result;

/// AUROC, AUPRC and average precision, macro, micro and per class, on the PNG files of the drawings.
///
/// # Errors
/// The errors of the model and of reading images.
pub(super) fn classification<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    classes: &[Class],
    policy: IntensityPolicy,
) -> Result<Direct> {
    of_classes(model, drawn, files, classes, policy, Vec::new())
}

/// Like [`classification`], with the macro means of head (classes with more positive drawings than the 65th percentile of
/// classes), tail (at most 10) and medium (neither). With few drawings, a class can be in both head and tail.
///
/// # Errors
/// The errors of the model and of reading images.
pub(super) fn long_tailed<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    classes: &[Class],
    policy: IntensityPolicy,
) -> Result<Direct> {
    let count = |class: &Class| drawn.iter().filter(|drawn| drawn.has(class.kind)).count() as f64;
    let counts: Vec<f64> = classes.iter().map(count).collect();
    let percentile = percentile(&counts, 0.65);
    let mut groups = [("head", Vec::new()), ("medium", Vec::new()), ("tail", Vec::new())];
    for (class, count) in counts.into_iter().enumerate() {
        let (head, tail) = (count > percentile, count <= 10.0);
        for (group, belongs) in groups.iter_mut().zip([head, !head && !tail, tail]) {
            group.1.extend(belongs.then_some(class));
        }
    }
    of_classes(model, drawn, files, classes, policy, groups.to_vec())
}

/// Name and classes of a group.
type Group = (&'static str, Vec<usize>);

fn of_classes<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    classes: &[Class],
    policy: IntensityPolicy,
    groups: Vec<Group>,
) -> Result<Direct> {
    let prompts: Vec<String> = classes.iter().map(Class::prompt).collect();
    let found = compare(model, drawn, files, policy, &prompts)?;
    let of_image = |(found, drawn): (&Vec<M::Found>, &Drawn)| {
        let of_class = |(found, class): (&M::Found, &Class)| (f64::from(found.logit()), drawn.has(class.kind));
        found.iter().zip(classes).map(of_class).collect()
    };
    let images: Vec<Vec<(f64, bool)>> = found.iter().zip(drawn).map(of_image).collect();
    let names: Vec<&str> = classes.iter().map(|class| class.name).collect();
    Ok(Direct::new(images.len(), move |chosen, _| scores(&images, &names, &groups, chosen)))
}

fn scores(images: &[Vec<(f64, bool)>], classes: &[&str], groups: &[Group], chosen: &[usize]) -> Vec<DirectScore> {
    let mut scores = Vec::new();
    let mut columns: [Vec<Option<f64>>; 3] = Default::default();
    let mut all: Vec<(f64, bool)> = Vec::new();
    for (index, class) in classes.iter().enumerate() {
        let samples: Vec<(f64, bool)> = chosen.iter().map(|&image| images[image][index]).collect();
        for (column, (name, value)) in columns.iter_mut().zip(of_samples(&samples)) {
            column.push(value);
            scores.push(score(name, class, value));
        }
        all.extend(samples);
    }
    for (column, (name, micro)) in columns.iter().zip(of_samples(&all)) {
        let mean_of = |members: &[usize]| mean(&members.iter().filter_map(|&class| column[class]).collect::<Vec<_>>());
        scores.push(score(name, "macro", mean_of(&(0..classes.len()).collect::<Vec<_>>())));
        scores.push(score(name, "micro", micro));
        scores.extend(groups.iter().map(|(group, members)| score(name, group, mean_of(members))));
    }
    scores
}

fn of_samples(samples: &[(f64, bool)]) -> [(&'static str, Option<f64>); 3] {
    let (step, trapezoid) = areas(samples).unzip();
    [("AUROC", pairs(samples)), ("AUPRC", trapezoid), ("average precision", step)]
}

/// Area under the precision-recall curve, by steps and by trapezoids; counts all samples again for each distinct score.
fn areas(samples: &[(f64, bool)]) -> Option<(f64, f64)> {
    let positives = samples.iter().filter(|(_, label)| *label).count();
    if positives == 0 {
        return None;
    }
    let mut thresholds: Vec<f64> = samples.iter().map(|(score, _)| *score).collect();
    thresholds.sort_by(|one, other| other.total_cmp(one));
    thresholds.dedup();
    let (mut step, mut trapezoid, mut last) = (0.0, 0.0, (0.0, 1.0));
    for threshold in thresholds {
        let chosen = samples.iter().filter(|(score, _)| *score >= threshold);
        let hits = chosen.clone().filter(|(_, label)| *label).count() as f64;
        let (recall, precision) = (hits / positives as f64, hits / chosen.count() as f64);
        step += (recall - last.0) * precision;
        trapezoid += (recall - last.0) * (precision + last.1) / 2.0;
        last = (recall, precision);
    }
    Some((step, trapezoid))
}
