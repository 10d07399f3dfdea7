//! The chest without findings, seen from the front: the patient's right side is on the image's left.

mod bones;
mod heart;
mod lung;
mod markings;

pub(crate) use bones::{Bones, Break};
pub(crate) use heart::Heart;
pub(crate) use lung::Lung;

use crate::canvas::{Canvas, Layers};
use crate::geometry::{Area, Point, mix, smoothstep};
use crate::random::Random;
use crate::texture::cloud;
use crate::{Side, Size};

/// The shapes of one chest.
#[derive(Clone, Debug)]
pub(crate) struct Anatomy {
    pub(crate) midline: f64,
    pub(crate) right: Lung,
    pub(crate) left: Lung,
    pub(crate) heart: Heart,
    pub(crate) bones: Bones,
    /// Half the body's width below the shoulders.
    body: f64,
    /// How much darker the lungs are than soft tissue.
    air: f64,
    seed: u64,
}

impl Anatomy {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let midline = random.range(0.485, 0.515);
        let width = random.range(0.335, 0.39);
        let apex = random.range(0.09, 0.14);
        let dome = random.range(0.69, 0.75);
        let right = Lung::new(Side::Right, midline, width, apex, dome, &mut random);
        let lower = random.range(0.01, 0.03);
        let left = Lung::new(Side::Left, midline, width, apex, dome + lower, &mut random);
        let heart = Heart::new(midline, width, dome, &mut random);
        let bones = Bones::new(apex, width, &mut random);
        let body = width + random.range(0.06, 0.085);
        let air = random.range(0.33, 0.38);
        Self { midline, right, left, heart, bones, body, air, seed: random.bits() }
    }

    pub(crate) fn lung(&self, side: Side) -> &Lung {
        match side {
            Side::Right => &self.right,
            Side::Left => &self.left,
        }
    }

    pub(crate) fn lung_mut(&mut self, side: Side) -> &mut Lung {
        match side {
            Side::Right => &mut self.right,
            Side::Left => &mut self.left,
        }
    }

    /// The lung in the half of the chest where a point lies.
    pub(crate) fn lung_at(&self, p: Point) -> &Lung {
        self.lung(if p.x < self.midline { Side::Right } else { Side::Left })
    }

    /// The remaining contrast of something dense in the lung: where heart or fluid overlap it, there is less air for it to stand
    /// out from.
    pub(crate) fn contrast(&self, p: Point) -> f64 {
        let fluid = smoothstep(-0.014, 0.014, self.lung_at(p).submerged(p));
        (1.0 - 0.6 * fluid) * (1.0 - 0.1 * self.heart.shade(p))
    }

    /// 0 outside both lungs, 1 inside, smooth in between.
    pub(crate) fn aerated(&self, p: Point) -> f64 {
        smoothstep(-0.004, 0.01, self.lung_at(p).depth(p))
    }

    pub(crate) fn draw(&self, size: Size) -> Layers {
        let mut tissue = Canvas::new(size);
        tissue.paint(Area::ALL, |p, _| self.soft_tissue(p));
        self.bones.draw(self, &mut tissue);
        let mut canvas = Canvas::new(size);
        markings::draw(self, self.seed, &mut canvas);
        Layers { tissue, markings: canvas }
    }

    fn soft_tissue(&self, p: Point) -> f64 {
        let from_midline = (p.x - self.midline).abs();
        let half = mix(0.12, self.body, smoothstep(-0.02, 0.15, p.y));
        let body = smoothstep(0.012, -0.02, from_midline - half);
        if body <= 0.0 {
            return 0.02;
        }
        let mut density = 0.50 + 0.03 * cloud(self.seed, 5.0, p);
        // Shoulders, neck and abdomen are thicker than the chest wall.
        density += 0.05 * smoothstep(0.2, 0.0, p.y);
        let lung = self.lung_at(p);
        let below = p.y - lung.diaphragm(lung.lateral(p));
        density += 0.14 * smoothstep(-0.006, 0.012, below) * smoothstep(self.body, self.body - 0.08, from_midline);
        density += 0.13 * smoothstep(0.075, 0.045, from_midline) * smoothstep(0.0, 0.12, p.y);
        let heart = self.heart.shade(p);
        let depth = lung.depth(p);
        let aerated = smoothstep(-0.004, 0.01, depth);
        // A rounded body is thinner towards the chest wall.
        let thickness = mix(0.72, 1.0, smoothstep(0.0, 0.12, depth));
        density -= self.air * aerated * thickness * (1.0 - 0.92 * heart);
        density += 0.10 * heart * smoothstep(0.06, -0.02, below);
        0.02 + (density - 0.02) * body
    }
}
