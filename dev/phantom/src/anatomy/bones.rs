//! Spine, clavicles and ribs.

use super::{Anatomy, Lung};
use crate::Side;
use crate::canvas::Canvas;
use crate::geometry::{Area, Point, segment, smoothstep};
use crate::random::Random;

const RIBS: usize = 9;

/// The bones of the chest. Ribs are numbered from the top, from 0.
#[derive(Clone, Debug)]
pub(crate) struct Bones {
    /// Heights at which the ribs leave the spine.
    heights: [f64; RIBS],
    /// How far the posterior part falls towards the chest wall.
    fall: f64,
    /// How far the anterior part falls towards the breastbone.
    anterior: f64,
    /// Half a rib's thickness.
    pub(crate) half: f64,
    contrast: f64,
    clavicle: f64,
    vertebra: f64,
    pub(crate) breaks: Vec<Break>,
}

/// A displaced break of a rib's posterior part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Break {
    pub(crate) side: Side,
    pub(crate) rib: usize,
    /// Lateral distance of the gap.
    pub(crate) lateral: f64,
    /// Half the gap.
    pub(crate) gap: f64,
    /// How far the lateral end is displaced downwards; negative: upwards.
    pub(crate) displacement: f64,
}

impl Bones {
    pub(crate) fn new(apex: f64, width: f64, random: &mut Random) -> Self {
        let first = apex + random.range(0.0, 0.02);
        let spacing = random.range(0.064, 0.072);
        let mut heights = [0.0; RIBS];
        for (index, height) in heights.iter_mut().enumerate() {
            *height = first + spacing * index as f64 + random.range(-0.004, 0.004);
        }
        Self {
            heights,
            fall: random.range(0.10, 0.15),
            anterior: random.range(0.10, 0.14) * width / 0.36,
            half: random.range(0.0095, 0.0115),
            contrast: random.range(0.10, 0.13),
            clavicle: random.range(-0.01, 0.02),
            vertebra: random.range(0.05, 0.056),
            breaks: Vec::new(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        RIBS
    }

    /// Height of a rib's posterior part at a lateral distance, ignoring breaks.
    pub(crate) fn posterior(&self, rib: usize, lateral: f64, lung: &Lung) -> f64 {
        let t = lateral / lung.width;
        self.heights[rib] - 0.02 * t + (self.fall + 0.02) * t * t
    }

    fn anterior(&self, rib: usize, lateral: f64, lung: &Lung) -> f64 {
        let t = 1.0 - lateral / lung.width;
        self.posterior(rib, lung.width, lung) + 0.02 * t + self.anterior * t * (0.6 + t)
    }

    pub(crate) fn draw(&self, anatomy: &Anatomy, canvas: &mut Canvas) {
        let midline = anatomy.midline;
        let spine = Area { left: midline - 0.06, top: 0.0, right: midline + 0.06, bottom: 1.0 };
        canvas.paint(spine, |p, value| value + self.spine((p.x - midline).abs(), p.y));
        for lung in [&anatomy.right, &anatomy.left] {
            for rib in 0..RIBS {
                self.draw_rib(rib, lung, canvas);
            }
            let ends = [lung.place(0.03, lung.apex + 0.09 + self.clavicle), lung.place(0.33, lung.apex - 0.02)];
            canvas.paint(Area::of(&ends, 0.03), |p, value| {
                let (distance, _) = segment(ends[0], ends[1], p);
                value
                    + 0.12 * smoothstep(0.015, 0.010, distance)
                    + 0.05 * smoothstep(0.004, 0.0, (distance - 0.011).abs())
            });
        }
    }

    fn spine(&self, from_midline: f64, y: f64) -> f64 {
        let within = y / self.vertebra - (y / self.vertebra).floor();
        let disc = smoothstep(0.12, 0.0, (within - 0.5).abs() - 0.38);
        0.06 * smoothstep(0.05, 0.04, from_midline) * (0.6 + 0.4 * disc)
    }

    fn draw_rib(&self, rib: usize, lung: &Lung, canvas: &mut Canvas) {
        let fractures: Vec<&Break> = self.breaks.iter().filter(|b| b.side == lung.side && b.rib == rib).collect();
        let edge = lung.width + 0.02;
        let top = self.heights[rib] - 0.06;
        let bottom = self.heights[rib] + self.fall + 1.7 * self.anterior + 0.08;
        let (a, b) = (lung.place(0.03, top), lung.place(edge, bottom));
        canvas.paint(Area::of(&[a, b], 0.0), |p, value| {
            let lateral = lung.lateral(p);
            let mut centre = self.posterior(rib, lateral, lung);
            let mut intact = 1.0;
            for b in &fractures {
                let beyond = lateral - b.lateral;
                centre += b.displacement * smoothstep(-0.001, 0.001, beyond) * smoothstep(0.10, 0.035, beyond);
                intact *= smoothstep(b.gap - 0.003, b.gap + 0.003, beyond.abs());
            }
            let back = intact * self.profile(p.y - centre, 0.30);
            let front = 0.4 * self.profile(p.y - self.anterior(rib, lateral, lung), 0.42);
            if back + front <= 0.0 {
                return value;
            }
            let front = front * smoothstep(0.40 * lung.width, 0.55 * lung.width, lateral);
            let wall = lung.wall(p.y) + 0.012;
            let inside = smoothstep(wall, wall - 0.015, lateral) * smoothstep(0.03, 0.045, lateral);
            value + self.contrast * inside * (back + front)
        });
    }

    /// Density across a rib with the given slope: dense cortex at both edges.
    fn profile(&self, offset: f64, slope: f64) -> f64 {
        // The common case: the pixel is not on this rib.
        if offset.abs() > 0.03 {
            return 0.0;
        }
        let across = offset.abs() / (1.0 + slope * slope).sqrt();
        0.75 * smoothstep(self.half + 0.003, self.half - 0.002, across)
            + 0.45 * smoothstep(0.004, 0.0, (across - 0.85 * self.half).abs())
    }
}

impl Break {
    /// The middle of the gap.
    pub(crate) fn place(&self, anatomy: &Anatomy) -> Point {
        let lung = anatomy.lung(self.side);
        let y = anatomy.bones.posterior(self.rib, self.lateral, lung);
        lung.place(self.lateral, y + 0.5 * self.displacement)
    }

    /// The two broken ends: medial and lateral.
    pub(crate) fn ends(&self, anatomy: &Anatomy) -> [Point; 2] {
        let lung = anatomy.lung(self.side);
        [-1.0, 1.0].map(|way: f64| {
            let lateral = self.lateral + way * (self.gap + 0.008);
            let moved = if way > 0.0 { self.displacement } else { 0.0 };
            lung.place(lateral, anatomy.bones.posterior(self.rib, lateral, lung) + moved)
        })
    }
}
