//! Every metric against scikit-learn, torchmetrics and NumPy (tests/golden/make_golden.py), to 1e-9.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use ndarray::Array2;
use radzero_eval::metrics::bootstrap::{Bootstrap, interval};
use radzero_eval::metrics::classes::{ClassRankings, Metric};
use radzero_eval::metrics::overlap::{AboveCounts, DiceCurve, specificity};
use radzero_eval::metrics::pixels::{Counter, PixelHistogram};
use radzero_eval::metrics::pointing::{Corners, PointingGame, hit};
use radzero_eval::metrics::precision_recall::{auprc, average_precision, precision_recall_curve};
use radzero_eval::metrics::ranking::Ranking;
use radzero_eval::metrics::roc::{auroc, roc_curve};
use radzero_eval::metrics::{Undefined, Value};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    rankings: Vec<RankingCase>,
    classes: Vec<ClassesCase>,
    overlap: Vec<OverlapCase>,
    pointing: PointingCase,
    bootstrap: BootstrapCase,
}

#[derive(Deserialize)]
struct RankingCase {
    name: String,
    scores: Vec<f64>,
    labels: Vec<bool>,
    auroc: Option<f64>,
    average_precision: Option<f64>,
    auprc: Option<f64>,
    roc: Option<Vec<(f64, f64)>>,
    precision_recall: Option<Vec<(f64, f64)>>,
}

#[derive(Deserialize)]
struct ClassesCase {
    name: String,
    scores: Vec<Vec<f64>>,
    labels: Vec<Vec<bool>>,
    auroc: Averages,
    average_precision: Averages,
    auprc: Averages,
}

#[derive(Deserialize)]
struct Averages {
    per_class: Vec<Option<f64>>,
    r#macro: Option<f64>,
    micro: Option<f64>,
}

#[derive(Deserialize)]
struct OverlapCase {
    name: String,
    maps: Vec<GoldenMap>,
    masks: Vec<Vec<u8>>,
    dice: Option<Vec<f64>>,
    best: Option<usize>,
    specificity: Option<f64>,
    pixel_auroc: Option<f64>,
}

#[derive(Deserialize)]
struct GoldenMap {
    shape: (usize, usize),
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct PointingCase {
    tries: Vec<(usize, bool, u32)>,
    per_class: Vec<Option<f64>>,
    mean: f64,
    overall: f64,
}

#[derive(Deserialize)]
struct BootstrapCase {
    scores: Vec<f64>,
    labels: Vec<bool>,
    seed: u64,
    resamples: u32,
    first_draws: Vec<usize>,
    auroc: (f64, f64),
    average_precision: (f64, f64),
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[track_caller]
fn same(found: Value, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Ok(found), Some(expected)) if (found - expected).abs() <= TOLERANCE => {}
        (Err(_), None) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[track_caller]
fn same_points(found: Result<Vec<(f64, f64)>, Undefined>, expected: Option<&[(f64, f64)]>, what: &str) {
    let Some(expected) = expected else {
        assert!(found.is_err(), "{what}");
        return;
    };
    let found = found.unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (one, other) in found.iter().zip(expected) {
        assert!(
            (one.0 - other.0).abs() <= TOLERANCE && (one.1 - other.1).abs() <= TOLERANCE,
            "{what}: {one:?} {other:?}"
        );
    }
}

#[test]
fn rankings() {
    let cases = golden().rankings;
    assert!(cases.len() > 10);
    for case in cases {
        let ranking = Ranking::new(case.scores.iter().copied().zip(case.labels.iter().copied())).unwrap();
        same(auroc(&ranking, None), case.auroc, &case.name);
        same(average_precision(&ranking, None), case.average_precision, &case.name);
        same(auprc(&ranking, None), case.auprc, &case.name);
        same_points(roc_curve(&ranking), case.roc.as_deref(), &case.name);
        same_points(precision_recall_curve(&ranking), case.precision_recall.as_deref(), &case.name);
        // Drawing every sample twice changes nothing.
        let twice = vec![2; case.scores.len()];
        same(auroc(&ranking, Some(&twice)), case.auroc, &case.name);
        same(average_precision(&ranking, Some(&twice)), case.average_precision, &case.name);
        same(auprc(&ranking, Some(&twice)), case.auprc, &case.name);
    }
}

#[test]
fn classes() {
    for case in golden().classes {
        let classes = case.auroc.per_class.len();
        let rankings = ClassRankings::new(case.scores.len(), classes, |image, class| {
            (case.scores[image][class], case.labels[image][class])
        });
        let metrics: [(Metric, Averages); 3] =
            [(auroc, case.auroc), (average_precision, case.average_precision), (auprc, case.auprc)];
        for (metric, expected) in metrics {
            for (found, expected) in rankings.per_class(metric, None).into_iter().zip(expected.per_class) {
                same(found, expected, &case.name);
            }
            same(rankings.macro_mean(metric, None), expected.r#macro, &case.name);
            same(rankings.micro(metric, None), expected.micro, &case.name);
        }
    }
}

#[test]
fn overlap() {
    let cases = golden().overlap;
    let fractions = cases.iter().filter_map(|case| case.specificity).filter(|share| (0.2..0.8).contains(share));
    assert!(fractions.count() > 0, "a specificity between none and all");
    for case in cases {
        let mut counter = Counter::default();
        let mut pixels = PixelHistogram::default();
        let (mut dice, mut clear) = (Vec::new(), Vec::new());
        for (map, mask) in case.maps.into_iter().zip(case.masks) {
            let mask = Array2::from_shape_vec(map.shape, mask.into_iter().map(|inside| inside == 1).collect()).unwrap();
            let map = Array2::from_shape_vec(map.shape, map.values).unwrap();
            let counts = AboveCounts::new(map.view(), mask.view()).unwrap();
            match counts.dice() {
                Ok(values) => dice.push(values),
                Err(_) => clear.push((counts.clear_from(), 1)),
            }
            pixels.add(&counter.count(map.view(), mask.view()).unwrap(), 1);
        }
        let curve = DiceCurve::new(dice.iter().map(|values| (values.as_slice(), 1)));
        match (&curve, &case.dice) {
            (Ok(curve), Some(expected)) => {
                for (found, &expected) in curve.means.iter().zip(expected) {
                    same(Ok(*found), Some(expected), &case.name);
                }
                assert_eq!(Some(curve.best().0), case.best, "{}", case.name);
                same(specificity(clear, curve.best().0), case.specificity, &case.name);
            }
            (Err(Undefined::NoPositive), None) => {}
            other => panic!("{}: {other:?}", case.name),
        }
        match (pixels.auroc(), case.pixel_auroc) {
            (Ok(found), Some(expected)) => {
                let error = (found.value - expected).abs();
                assert!(error <= found.bound + TOLERANCE, "{}: {found:?}, {expected}", case.name);
            }
            (Err(_), None) => {}
            other => panic!("{}: {other:?}", case.name),
        }
    }
}

/// With enough pixels many share a bin: the error must stay within the bound reported with it, and the bound must be small.
#[test]
fn pixel_auroc_is_within_its_bound() {
    let (height, width) = (400, 500);
    // The golden ratio spreads the values evenly; the mask is loosely correlated with them.
    let spread = |index: usize, ratio: f64| (index as f64 * ratio).fract();
    let at = |y: usize, x: usize| y * width + x;
    let map = Array2::from_shape_fn((height, width), |(y, x)| (0.2 + 0.5 * spread(at(y, x), 0.618_033_988_75)) as f32);
    let mask =
        Array2::from_shape_fn((height, width), |(y, x)| f64::from(map[[y, x]]) > spread(at(y, x), 0.414_213_562_37));
    let exact = Ranking::new(map.iter().zip(&mask).map(|(&value, &inside)| (f64::from(value), inside))).unwrap();
    let exact = auroc(&exact, None).unwrap();
    let mut pixels = PixelHistogram::default();
    pixels.add(&Counter::default().count(map.view(), mask.view()).unwrap(), 1);
    let found = pixels.auroc().unwrap();
    let error = (found.value - exact).abs();
    assert!(error > 0.0 && error <= found.bound, "{found:?}, exactly {exact}");
    assert!(found.bound < 1e-3, "{found:?}");
}

#[test]
fn the_pointing_game() {
    let case = golden().pointing;
    let mut game = PointingGame::new(case.per_class.len());
    for (class, hit, times) in case.tries {
        game.count(class, hit, times);
    }
    for (found, expected) in game.per_class().into_iter().zip(case.per_class) {
        same(found, expected, "share of a class");
    }
    same(game.class_mean(), Some(case.mean), "mean of classes");
    same(game.overall(), Some(case.overall), "overall");
    same(PointingGame::new(2).class_mean(), None, "no try");
}

#[test]
fn borders_belong_to_a_box() {
    let corners = Corners { left: 10.0, top: 20.0, right: 30.5, bottom: 40.0 };
    for (x, y, inside) in [
        (10.0, 20.0, true),
        (30.0, 40.0, true),
        (30.5, 30.0, true),
        (31.0, 30.0, false),
        (9.0, 30.0, false),
        (20.0, 19.0, false),
        (20.0, 41.0, false),
    ] {
        assert_eq!(hit(&[corners], x, y), inside, "{x}, {y}");
    }
    let far = Corners { left: 100.0, top: 100.0, right: 110.0, bottom: 110.0 };
    assert!(hit(&[far, corners], 10.0, 20.0) && !hit(&[], 10.0, 20.0));
}

#[test]
fn bootstrap() {
    let case = golden().bootstrap;
    let images = case.scores.len();
    let bootstrap = Bootstrap { resamples: case.resamples, seed: case.seed };
    let mut weights = vec![0; images];
    for drawn in case.first_draws {
        weights[drawn] += 1;
    }
    assert_eq!(bootstrap.weights(0, images), weights);

    let ranking = Ranking::new(case.scores.into_iter().zip(case.labels)).unwrap();
    let metrics: [(Metric, (f64, f64)); 2] = [(auroc, case.auroc), (average_precision, case.average_precision)];
    for (metric, (low, high)) in metrics {
        let replicates = bootstrap.replicate(images, |weights| metric(&ranking, Some(weights)));
        let found = interval(&replicates, images).unwrap();
        same(Ok(found.low), Some(low), "low");
        same(Ok(found.high), Some(high), "high");
    }
}
