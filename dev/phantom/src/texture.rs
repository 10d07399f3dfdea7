//! Smooth random textures: value noise from integer hashes, so that they are the same on every platform.

use crate::geometry::{Point, mix};
use crate::random::{scramble, unit};

/// Value noise in [-1, 1] with features of size 1 / `frequency`.
fn value_noise(seed: u64, frequency: f64, p: Point) -> f64 {
    let (x, y) = (p.x * frequency, p.y * frequency);
    let (column, row) = (x.floor(), y.floor());
    let value = |dx: f64, dy: f64| {
        let (c, r) = ((column + dx) as i64, (row + dy) as i64);
        let key = (c as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (r as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        2.0 * unit(scramble(seed ^ key)) - 1.0
    };
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(x - column), ease(y - row));
    mix(mix(value(0.0, 0.0), value(1.0, 0.0), tx), mix(value(0.0, 1.0), value(1.0, 1.0), tx), ty)
}

/// Two octaves of value noise, about [-1, 1].
pub(crate) fn cloud(seed: u64, frequency: f64, p: Point) -> f64 {
    0.65 * value_noise(seed, frequency, p) + 0.35 * value_noise(seed ^ 0x5bd1_e995, 2.1 * frequency, p)
}
