//! Every kernel against its definition in 64 bits, with shapes that fill whole blocks and shapes that do not.

#![allow(clippy::unwrap_used, missing_docs)]

use ndarray::{Array2, ArrayView2};
use radzero_kernels::{
    Attention, BytePanels, Epilogue, KernelError, Kernels, Linear, LinearInt8, Panels, Serial, ShapeError, Workers,
};

/// Threads that take turns at the tasks, from the last to the first.
struct Threads(usize);

impl Workers for Threads {
    fn count(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for thread in 0..self.0 {
                scope.spawn(move || (0..tasks).rev().filter(|index| index % self.0 == thread).for_each(task));
            }
        });
    }
}

/// Values from -1 to 1.
fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 2.0 - 1.0
        })
        .collect()
}

fn kernels() -> Vec<Kernels> {
    let all = Kernels::all();
    assert!(!all.is_empty(), "this processor has no kernels to test");
    all
}

/// x times the cumulative normal distribution at x, from the series of the error function or, for large |x|, its continued
/// fraction.
fn gelu(x: f64) -> f64 {
    let t = x.abs() / std::f64::consts::SQRT_2;
    let tail = if t < 3.0 {
        let (mut term, mut sum) = (t, t);
        for n in 1..200 {
            term *= -t * t / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        0.5 - sum / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..80).rev().fold(t, |rest, n| t + 0.5 * f64::from(n) / rest);
        (-t * t).exp() / (2.0 * std::f64::consts::PI.sqrt() * fraction)
    };
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

#[test]
fn gelu_matches_its_definition() {
    // The identity, as a layer of one input and one output.
    let weight = Panels::pack(ArrayView2::from(&[[1.0]]));
    let layer = Linear { layout: Panels::new(1, 1), weight: &weight, bias: &[0.0] };
    let mut x: Vec<f32> = (0..240_000).map(|step| (step as f32 - 120_000.0) * 1e-4).collect();
    x.extend([30.0, -30.0, 1e6, -1e6, 1e18, -1e18]);
    for kernels in kernels() {
        let mut y = vec![f32::NAN; x.len()];
        kernels.linear(&Serial, &layer, &x, Epilogue::Gelu, &mut y).unwrap();
        for (&x, found) in x.iter().zip(y) {
            let expected = gelu(f64::from(x));
            assert!((f64::from(found) - expected).abs() <= 4e-7, "{}: gelu({x}): {found}, {expected}", kernels.name());
        }
    }
}

const LAYERS: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (13, 7, 5),
    (14, 32, 32),
    (15, 33, 31),
    (29, 64, 48),
    (100, 50, 96),
    (5, 768, 40),
    (37, 769, 70),
    (130, 3200, 128),
];

#[test]
fn linear_matches_its_definition() {
    for (case, (rows, inputs, outputs)) in LAYERS.into_iter().enumerate() {
        let seed = 10 * case as u32;
        let x = noise(seed + 1, rows * inputs);
        let weight = noise(seed + 2, outputs * inputs);
        let bias = noise(seed + 3, outputs);
        let residual = noise(seed + 4, rows * outputs);
        let weight = ArrayView2::from_shape((outputs, inputs), &weight).unwrap();
        let wide = |values: &[f32], shape| {
            Array2::from_shape_vec(shape, values.iter().map(|v| f64::from(*v)).collect()).unwrap()
        };
        let mut expected = wide(&x, (rows, inputs)).dot(&weight.t().mapv(f64::from));
        expected += &ndarray::Array1::from_iter(bias.iter().map(|v| f64::from(*v)));
        let packed = Panels::pack(weight);
        let layer = Linear { layout: Panels::new(inputs, outputs), weight: &packed, bias: &bias };
        for kernels in kernels() {
            for (name, epilogue, expected) in [
                ("none", Epilogue::None, expected.clone()),
                ("gelu", Epilogue::Gelu, expected.mapv(gelu)),
                ("add", Epilogue::Add(&residual), &expected + &wide(&residual, (rows, outputs))),
            ] {
                let mut serial = vec![f32::NAN; rows * outputs];
                kernels.linear(&Serial, &layer, &x, epilogue, &mut serial).unwrap();
                for (index, (found, expected)) in serial.iter().zip(&expected).enumerate() {
                    let tolerance = 2e-7 * inputs as f64 + 1e-6;
                    let error = (f64::from(*found) - expected).abs();
                    assert!(
                        error <= tolerance,
                        "{} {name} {rows} x {inputs} x {outputs}, {index}: {found}, {expected}",
                        kernels.name()
                    );
                }
                for workers in [2, 3, 16] {
                    let mut shared = vec![f32::NAN; rows * outputs];
                    kernels.linear(&Threads(workers), &layer, &x, epilogue, &mut shared).unwrap();
                    assert_eq!(shared, serial, "{} {name}, {workers} workers", kernels.name());
                }
            }
        }
    }
}

/// A row's levels, zero point and scale.
fn levels(row: &[f32]) -> (Vec<i32>, i32, f32) {
    let (least, most) = row.iter().fold((0.0_f32, 0.0_f32), |(least, most), v| (least.min(*v), most.max(*v)));
    let scale = (most - least) / 255.0;
    let scale = if scale < f32::MIN_POSITIVE { 1.0 } else { scale };
    let zero = (-least / scale).round_ties_even();
    let inverse = 1.0 / scale;
    let level = |value: &f32| ((value * inverse).round_ties_even() + zero).clamp(0.0, 255.0) as i32;
    (row.iter().map(level).collect(), zero as i32, scale)
}

/// Inputs whose rows have very different ranges, and 8-bit weights from -127 to 127.
fn int8_case(seed: u32, (rows, inputs, outputs): (usize, usize, usize)) -> (Vec<f32>, Array2<i8>) {
    let reach = |row: usize| [1.0, 1e-3, 300.0, 0.0][row % 4];
    let x = noise(seed, rows * inputs).iter().enumerate().map(|(i, v)| (v + 0.25) * reach(i / inputs)).collect();
    let weight = noise(seed + 1, outputs * inputs).iter().map(|v| (v * 127.0) as i8).collect();
    (x, Array2::from_shape_vec((outputs, inputs), weight).unwrap())
}

#[test]
fn linear_int8_matches_its_definition() {
    for (case, (rows, inputs, outputs)) in LAYERS.into_iter().enumerate() {
        let seed = 1000 + 10 * case as u32;
        let (x, weight) = int8_case(seed, (rows, inputs, outputs));
        let scales: Vec<f32> = noise(seed + 2, outputs).iter().map(|v| 0.02 + 0.01 * v).collect();
        let (bias, residual) = (noise(seed + 3, outputs), noise(seed + 4, rows * outputs));
        let sums: Vec<i32> = weight.rows().into_iter().map(|row| row.iter().map(|w| i32::from(*w)).sum()).collect();
        let packed = BytePanels::pack(weight.view());
        let layout = BytePanels::new(inputs, outputs);
        let layer = LinearInt8 { layout, weight: &packed, scales: &scales, sums: &sums, bias: &bias };
        let mut expected = Vec::with_capacity(rows * outputs);
        for row in x.chunks(inputs) {
            let (levels, zero, scale) = levels(row);
            for (output, weights) in weight.rows().into_iter().enumerate() {
                let product: i32 = levels.iter().zip(weights).map(|(l, w)| (l - zero) * i32::from(*w)).sum();
                expected.push(product as f32 * scales[output] * scale + bias[output]);
            }
        }
        for kernels in kernels().into_iter().filter(|kernels| kernels.multiplies_integers()) {
            let run = |workers: &dyn Workers, epilogue| {
                let mut y = vec![f32::NAN; rows * outputs];
                kernels.linear_int8(workers, &layer, &x, epilogue, &mut y).unwrap();
                y
            };
            let plain = run(&Serial, Epilogue::None);
            assert_eq!(plain, expected, "{rows} x {inputs} x {outputs}");
            let sum: Vec<f32> = plain.iter().zip(&residual).map(|(y, r)| y + r).collect();
            assert_eq!(run(&Serial, Epilogue::Add(&residual)), sum);
            for (found, x) in run(&Serial, Epilogue::Gelu).iter().zip(&plain) {
                assert!((f64::from(*found) - gelu(f64::from(*x))).abs() <= 4e-7 * f64::from(x.abs()).max(1.0), "{x}");
            }
            for workers in [2, 3, 16] {
                assert_eq!(run(&Threads(workers), Epilogue::None), plain, "{workers} workers");
            }
        }
    }
}

#[test]
fn quantization_keeps_nan() {
    let (mut x, weight) = int8_case(7, (3, 40, 33));
    let (packed, layout) = (BytePanels::pack(weight.view()), BytePanels::new(40, 33));
    let layer = LinearInt8 { layout, weight: &packed, scales: &[1.0; 33], sums: &[0; 33], bias: &[0.0; 33] };
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        x[45] = poison;
        for kernels in kernels().into_iter().filter(|kernels| kernels.multiplies_integers()) {
            let mut y = vec![0.0; 3 * 33];
            kernels.linear_int8(&Serial, &layer, &x, Epilogue::None, &mut y).unwrap();
            let poisoned: Vec<bool> = y.chunks(33).map(|row| row.iter().all(|v| v.is_nan())).collect();
            assert_eq!(poisoned, [false, true, false], "{poison}");
        }
    }
}

/// The definition of attention.
fn attend(shape: Attention, [q, k, v]: [&[f32]; 3]) -> Vec<f64> {
    let Attention { images, tokens, heads, width } = shape;
    let at = |image: usize, token: usize, head: usize| ((image * tokens + token) * heads + head) * width;
    let mut result = vec![0.0; q.len()];
    for image in 0..images {
        for head in 0..heads {
            for query in 0..tokens {
                let query = at(image, query, head);
                let scores: Vec<f64> = (0..tokens)
                    .map(|key| {
                        let key = at(image, key, head);
                        let products = (0..width).map(|c| f64::from(q[query + c]) * f64::from(k[key + c]));
                        products.sum::<f64>() / (width as f64).sqrt()
                    })
                    .collect();
                let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
                let total: f64 = weights.iter().sum();
                for (token, weight) in weights.iter().enumerate() {
                    for c in 0..width {
                        result[query + c] += weight / total * f64::from(v[at(image, token, head) + c]);
                    }
                }
            }
        }
    }
    result
}

/// Shapes that fill whole blocks and shapes that do not.
fn attention_shapes() -> impl Iterator<Item = Attention> {
    [(1, 1, 1, 1), (2, 5, 3, 8), (1, 48, 1, 16), (1, 49, 2, 7), (2, 37, 4, 32), (1, 197, 3, 64), (3, 100, 2, 80)]
        .into_iter()
        .map(|(images, tokens, heads, width)| Attention { images, tokens, heads, width })
}

#[test]
fn attention_matches_its_definition() {
    for (case, shape) in attention_shapes().enumerate() {
        let Attention { images, tokens, heads, width } = shape;
        let values = images * tokens * heads * width;
        // Large enough that softmax weights differ by orders of magnitude.
        let q: Vec<f32> = noise(100 + case as u32, values).iter().map(|v| v * 6.0).collect();
        let (k, v) = (noise(200 + case as u32, values), noise(300 + case as u32, values));
        let expected = attend(shape, [&q, &k, &v]);
        for kernels in kernels() {
            let mut serial = vec![f32::NAN; values];
            kernels.attention(&Serial, shape, [&q, &k, &v], &mut serial).unwrap();
            for (index, (found, expected)) in serial.iter().zip(&expected).enumerate() {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 3e-6, "{} {shape:?}, {index}: {found}, {expected}", kernels.name());
            }
            for workers in [2, 16] {
                let mut shared = vec![f32::NAN; values];
                kernels.attention(&Threads(workers), shape, [&q, &k, &v], &mut shared).unwrap();
                assert_eq!(shared, serial, "{}, {workers} workers", kernels.name());
            }
        }
    }
}

/// Queries or keys, quantized as [`Kernels::attention_int16`] does.
fn quantized(values: &[f32], width: usize) -> Vec<f32> {
    let round = |row: &[f32]| {
        let reach = row.iter().fold(0.0_f64, |most, v| most.max(f64::from(v.abs())));
        let scale = if reach > 0.0 { reach / 4095.0 } else { 1.0 };
        row.iter().map(|v| ((f64::from(*v) / scale).round_ties_even() * scale) as f32).collect::<Vec<f32>>()
    };
    values.chunks(width).flat_map(round).collect()
}

#[test]
fn attention_int16_matches_its_definition() {
    for (case, shape) in attention_shapes().enumerate() {
        let Attention { images, tokens, heads, width } = shape;
        let values = images * tokens * heads * width;
        let q: Vec<f32> = noise(400 + case as u32, values).iter().map(|v| v * 6.0).collect();
        let (k, v) = (noise(500 + case as u32, values), noise(600 + case as u32, values));
        let exact = attend(shape, [&q, &k, &v]);
        let expected = attend(shape, [&quantized(&q, width), &quantized(&k, width), &v]);
        for kernels in kernels().into_iter().filter(|kernels| kernels.multiplies_integers()) {
            let mut serial = vec![f32::NAN; values];
            kernels.attention_int16(&Serial, shape, [&q, &k, &v], &mut serial).unwrap();
            for (index, ((found, expected), exact)) in serial.iter().zip(&expected).zip(&exact).enumerate() {
                // A value halfway between two levels may be rounded either way, which moves a score by some levels.
                assert!((f64::from(*found) - expected).abs() <= 5e-4, "{shape:?}, {index}: {found}, {expected}");
                assert!((f64::from(*found) - exact).abs() <= 2e-3, "{shape:?}, {index}: {found}, {exact}");
            }
            for workers in [2, 16] {
                let mut shared = vec![f32::NAN; values];
                kernels.attention_int16(&Threads(workers), shape, [&q, &k, &v], &mut shared).unwrap();
                assert_eq!(shared, serial, "{workers} workers");
            }
        }
    }
}

#[test]
fn huge_scores_do_not_overflow() {
    let shape = Attention { images: 1, tokens: 3, heads: 1, width: 2 };
    let q = [1e15, 1e15, -1e15, 1e15, 0.0, 0.0];
    let k = [1e15, 1e15, 1.0, 1.0, -1e15, -1e15];
    let v = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for kernels in kernels() {
        let mut y = [f32::NAN; 6];
        kernels.attention(&Serial, shape, [&q, &k, &v], &mut y).unwrap();
        assert_eq!(y[..2], [1.0, 2.0], "{}", kernels.name());
        assert!(y[4..].iter().zip([3.0, 4.0]).all(|(found, mean)| (found - mean).abs() < 1e-6), "{y:?}");
    }
}

/// NaN in the inputs must not turn into plausible results.
#[test]
fn nan_is_not_lost() {
    let shape = Attention { images: 1, tokens: 60, heads: 1, width: 8 };
    for kernels in kernels() {
        for poisoned in 0..3 {
            let mut qkv = [noise(1, 480), noise(2, 480), noise(3, 480)];
            qkv[poisoned][8 * 10] = f32::NAN;
            let mut y = vec![0.0; 480];
            kernels.attention(&Serial, shape, [&qkv[0], &qkv[1], &qkv[2]], &mut y).unwrap();
            assert!(y[8 * 10].is_nan(), "{}, input {poisoned}", kernels.name());
            if kernels.multiplies_integers() {
                let mut y = vec![0.0; 480];
                kernels.attention_int16(&Serial, shape, [&qkv[0], &qkv[1], &qkv[2]], &mut y).unwrap();
                assert!(y[8 * 10].is_nan(), "{} of integers, input {poisoned}", kernels.name());
            }
        }
        let weight = noise(4, 64);
        let layer = Linear { layout: Panels::new(2, 32), weight: &weight, bias: &[0.0; 32] };
        for epilogue in [Epilogue::None, Epilogue::Gelu, Epilogue::Add(&[0.0; 32])] {
            let mut y = [0.0; 32];
            kernels.linear(&Serial, &layer, &[f32::NAN, 1.0], epilogue, &mut y).unwrap();
            assert!(y.iter().all(|value| value.is_nan()), "{} {epilogue:?}", kernels.name());
        }
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let layer = Linear { layout: Panels::new(4, 8), weight: &[0.0; 128], bias: &[0.0; 8] };
    let kernels = kernels()[0];
    let refused = |layer: &Linear<'_>, x: &[f32], epilogue, y: &mut [f32]| {
        kernels.linear(&Serial, layer, x, epilogue, y).unwrap_err()
    };
    let error = |what, expected, found| ShapeError { what, expected, found };
    assert_eq!(refused(&layer, &[0.0; 7], Epilogue::None, &mut [0.0; 8]), error("inputs", 4, 7));
    assert_eq!(refused(&layer, &[0.0; 8], Epilogue::None, &mut [0.0; 8]), error("outputs", 16, 8));
    assert_eq!(refused(&layer, &[0.0; 4], Epilogue::Add(&[0.0; 9]), &mut [0.0; 8]), error("residual", 8, 9));
    assert_eq!(refused(&Linear { bias: &[], ..layer }, &[0.0; 4], Epilogue::None, &mut [0.0; 8]), error("bias", 8, 0));
    assert_eq!(
        refused(&Linear { weight: &[], ..layer }, &[0.0; 4], Epilogue::None, &mut [0.0; 8]),
        error("weights", 128, 0)
    );
    let shape = Attention { images: 1, tokens: 2, heads: 1, width: 2 };
    let found = kernels.attention(&Serial, shape, [&[0.0; 4], &[0.0; 3], &[0.0; 4]], &mut [0.0; 4]).unwrap_err();
    assert_eq!(found, error("keys", 4, 3));
    assert_eq!(found.to_string(), "keys: 4 values expected, 3 found");
}

#[test]
fn sums_that_could_overflow_32_bits_are_refused() {
    let layer =
        LinearInt8 { layout: BytePanels::new(66_312, 1), weight: &[], scales: &[1.0], sums: &[0], bias: &[0.0] };
    let shape = Attention { images: 1, tokens: 1, heads: 1, width: 129 };
    for kernels in kernels() {
        let found = kernels.linear_int8(&Serial, &layer, &[0.0; 66_312], Epilogue::None, &mut [0.0]).unwrap_err();
        let expected = ShapeError { what: "inputs of a sum", expected: BytePanels::MOST, found: 66_312 };
        assert_eq!(found, KernelError::Shape(expected));
        let q = [0.0; 129];
        let found = kernels.attention_int16(&Serial, shape, [&q, &q, &q], &mut [0.0; 129]).unwrap_err();
        let expected =
            ShapeError { what: "values of a head", expected: radzero_format::operators::WIDEST_HEAD, found: 129 };
        assert_eq!(found, KernelError::Shape(expected));
    }
}

#[test]
fn kernels_without_instructions_are_refused() {
    let (weight, layout) = (BytePanels::pack(Array2::zeros((1, 4)).view()), BytePanels::new(4, 1));
    let layer = LinearInt8 { layout, weight: &weight, scales: &[1.0], sums: &[0], bias: &[0.0] };
    let shape = Attention { images: 1, tokens: 1, heads: 1, width: 4 };
    for kernels in kernels() {
        let found = [
            kernels.linear_int8(&Serial, &layer, &[0.0; 4], Epilogue::None, &mut [0.0]),
            kernels.attention_int16(&Serial, shape, [&[0.0; 4]; 3], &mut [0.0; 4]),
        ];
        let unsupported = KernelError::Unsupported { needed: "avx512", found: kernels.name() };
        let expected = if kernels.multiplies_integers() { Ok(()) } else { Err(unsupported) };
        assert_eq!(found, [expected; 2]);
    }
    let unsupported = KernelError::Unsupported { needed: "avx512", found: "avx2" };
    assert_eq!(unsupported.to_string(), "a kernel for avx512 vectors is needed, avx2 found");
}
