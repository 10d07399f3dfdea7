//! Vessels that branch out from the hilum, and the fine texture of the lung.

use super::{Anatomy, Lung};
use crate::canvas::Canvas;
use crate::geometry::{Area, Point, mix, segment, smoothstep};
use crate::random::Random;
use crate::texture::cloud;

pub(crate) fn draw(anatomy: &Anatomy, seed: u64, canvas: &mut Canvas) {
    let mut random = Random::new(seed, 1);
    for lung in [&anatomy.right, &anatomy.left] {
        let hilum = lung.place(0.085, lung.height(random.range(0.5, 0.6)));
        let branches = 8 + random.below(4);
        for branch in 0..branches {
            // Fanned out from steeply upwards to steeply downwards.
            let turn = (branch as f64 + random.range(0.2, 0.8)) / branches as f64;
            let angle = mix(-1.35, 1.35, turn);
            let width = random.range(0.006, 0.010);
            vessel(lung, hilum, angle, random.range(0.14, 0.24), width, 2, &mut random, canvas);
        }
        let reach = 0.06;
        canvas.paint(Area::around(hilum, reach), |p, value| {
            value.max(0.11 * smoothstep(reach, 0.01, lung.place(lung.lateral(p), p.y).distance(hilum)))
        });
    }
    canvas.paint(Area::ALL, |p, value| {
        let aerated = anatomy.aerated(p);
        if aerated <= 0.0 {
            return 0.0;
        }
        let shadowed = 1.0 - 0.7 * anatomy.heart.shade(p);
        aerated * shadowed * (value + 0.018 * cloud(seed, 24.0, p) + 0.022 * cloud(seed ^ 7, 6.0, p))
    });
}

/// Draws a bent, tapering tube with branches.
#[expect(clippy::too_many_arguments, reason = "a recursion that passes on all of it")]
fn vessel(
    lung: &Lung,
    from: Point,
    angle: f64,
    length: f64,
    width: f64,
    generations: usize,
    random: &mut Random,
    canvas: &mut Canvas,
) {
    let pieces = 3;
    let (mut start, mut angle) = (from, angle);
    for piece in 0..pieces {
        angle += random.range(-0.25, 0.25);
        let reach = length / pieces as f64;
        let lateral = lung.lateral(start) + reach * libm::cos(angle);
        let end = lung.place(lateral, start.y + reach * libm::sin(angle));
        let thickness = |t: f64| width * (1.0 - 0.75 * (piece as f64 + t) / pieces as f64);
        canvas.paint(Area::of(&[start, end], width + 0.004), |p, value| {
            let (distance, t) = segment(start, end, p);
            let half = thickness(t);
            value.max((4.0 + 7.5 * half / 0.01) * 0.01 * smoothstep(half + 0.002, 0.3 * half, distance))
        });
        if generations > 0 {
            let way = if random.chance(0.5) { 0.6 } else { -0.6 };
            let turn = way + random.range(-0.2, 0.2);
            vessel(lung, end, angle + turn, 0.5 * length, 0.6 * thickness(1.0), generations - 1, random, canvas);
        }
        start = end;
    }
}
