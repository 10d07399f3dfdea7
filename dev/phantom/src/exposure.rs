//! The exposure: blur of focal spot and screen, quantum noise, brightness and contrast.

use rayon::prelude::*;

use crate::Size;
use crate::canvas::Canvas;
use crate::random::{Random, scramble, unit};

/// Sharpness, noise, gain and offset of an exposure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exposure {
    /// Standard deviation of the blur, as a share of the image's side.
    blur: f64,
    /// Standard deviation of the noise behind tissue of density 0.5, in a square of 1/224 of the side.
    noise: f64,
    gain: f64,
    offset: f64,
    seed: u64,
}

impl Exposure {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 3);
        Self {
            blur: random.range(0.0013, 0.0024),
            noise: random.range(0.008, 0.022),
            gain: random.range(0.88, 1.12),
            offset: random.range(-0.03, 0.05),
            seed: random.bits(),
        }
    }

    /// Turns densities into levels in [0, 1].
    pub(crate) fn apply(&self, mut canvas: Canvas) -> Vec<f32> {
        let size = canvas.size;
        let side = (f64::from(size.width) * f64::from(size.height)).sqrt();
        // A pixel half as wide collects a quarter of the quanta.
        let scale = self.noise * side / 224.0;
        let seed = self.seed;
        canvas.values.par_iter_mut().enumerate().for_each(|(index, value)| {
            // Denser tissue lets fewer quanta through.
            let quanta = 0.5 + f64::from(*value).clamp(0.0, 1.2);
            *value += (scale * quanta * normal(seed, index as u64)) as f32;
        });
        let blurred = blur(size, &canvas.values, self.blur);
        blurred.into_iter().map(|v| ((f64::from(v) * self.gain + self.offset).clamp(0.0, 1.0)) as f32).collect()
    }
}

/// A nearly normal number of variance 1: a sum of four uniform ones.
fn normal(seed: u64, index: u64) -> f64 {
    let bits = scramble(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let sum: f64 = (0..4).map(|part| unit(bits << (16 * part) & 0xffff_0000_0000_0000)).sum();
    (sum - 2.0) * 1.732_050_807_568_877_2
}

/// Gaussian blur along the rows, then along the columns; beyond the borders the last value is repeated.
fn blur(size: Size, values: &[f32], sigma: f64) -> Vec<f32> {
    let (width, height) = (size.width as usize, size.height as usize);
    let rows = weights(sigma * f64::from(size.width));
    let columns = weights(sigma * f64::from(size.height));
    let mut along = vec![0.0_f32; values.len()];
    along.par_chunks_mut(width).zip(values.par_chunks(width)).for_each(|(out, row)| {
        convolve(&rows, width, |x| row[x], |x, v| out[x] = v);
    });
    let mut result = vec![0.0_f32; values.len()];
    result.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let reach = columns.len() / 2;
        for (index, weight) in columns.iter().enumerate() {
            let source = (y + index).saturating_sub(reach).min(height - 1);
            let row = &along[source * width..(source + 1) * width];
            for (value, source) in out.iter_mut().zip(row) {
                *value += weight * source;
            }
        }
    });
    result
}

fn convolve(weights: &[f32], length: usize, get: impl Fn(usize) -> f32, mut set: impl FnMut(usize, f32)) {
    let reach = weights.len() / 2;
    for at in 0..length {
        let value = |(index, weight): (usize, &f32)| weight * get((at + index).saturating_sub(reach).min(length - 1));
        set(at, weights.iter().enumerate().map(value).sum());
    }
}

/// A normalised Gaussian out to three standard deviations.
fn weights(sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as i32;
    let raw: Vec<f64> =
        (-reach..=reach).map(|d| libm::exp(-0.5 * f64::from(d * d) / (sigma * sigma).max(1e-9))).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|w| (w / sum) as f32).collect()
}
