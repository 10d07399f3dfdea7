//! Drawings for tests, without a chest: noise, with brighter ellipses as findings.

use crate::classes::KINDS;
use crate::drawn::{Drawn, Finding};

/// A linear congruential generator, so that the drawings are always the same.
struct Generator(u32);

impl Generator {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.0) * u64::from(end)) >> 32) as u32
    }
}

/// `count` drawings: noise, with a brighter ellipse for each finding. Every fourth has no findings.
#[must_use]
pub fn drawings(count: u32) -> Vec<Drawn> {
    (0..count).map(|index| drawing(index, 40 + index % 3, 36 + index % 5)).collect()
}

fn drawing(index: u32, width: u32, height: u32) -> Drawn {
    let mut numbers = Generator(index + 1);
    let mut levels: Vec<u8> = (0..width * height).map(|_| 30 + numbers.below(120) as u8).collect();
    let mut findings = Vec::new();
    for _ in 0..if index.is_multiple_of(4) { 0 } else { 1 + numbers.below(3) } {
        let kind = KINDS[numbers.below(KINDS.len() as u32) as usize];
        let (x, y) = (4 + numbers.below(width - 8), 4 + numbers.below(height - 8));
        let (across, down) = (f64::from(2 + numbers.below(8)), f64::from(2 + numbers.below(8)));
        let inside = |pixel: u32| {
            let (dx, dy) = (f64::from(pixel % width) - f64::from(x), f64::from(pixel / width) - f64::from(y));
            (dx / across).powi(2) + (dy / down).powi(2) <= 1.0
        };
        let mask: Vec<bool> = (0..width * height).map(inside).collect();
        for (level, _) in levels.iter_mut().zip(&mask).filter(|(_, inside)| **inside) {
            *level = level.saturating_add(numbers.below(90) as u8);
        }
        let side = if x < width / 2 { "right" } else { "left" };
        findings.push(Finding { kind: kind.to_owned(), phrase: format!("There is {kind} on the {side}"), mask });
    }
    Drawn { name: format!("case-{index:03}"), width, height, levels, findings }
}
