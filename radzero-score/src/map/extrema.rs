//! Minimum and maximum of many values.

/// Independent comparisons at a time; in a single chain each would wait for the one before.
const LANES: usize = 32;

/// The maximum, NaN skipped; negative infinity if there is no other value.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same value.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn maximum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut found = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (found, &value) in found.iter_mut().zip(chunk) {
            *found = if value > *found { value } else { *found };
        }
    }
    found.iter().chain(rest).fold(f32::NEG_INFINITY, |found, &value| if value > found { value } else { found })
}

/// The minimum, NaN skipped; infinity if there is no other value.
///
/// Compiled for several instruction sets, of which one is chosen at run time; all give the same value.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn minimum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut found = [f32::INFINITY; LANES];
    for chunk in chunks {
        for (found, &value) in found.iter_mut().zip(chunk) {
            *found = if value < *found { value } else { *found };
        }
    }
    found.iter().chain(rest).fold(f32::INFINITY, |found, &value| if value < found { value } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_to_a_simple_fold() {
        assert_eq!((minimum(&[]), maximum(&[])), (f32::INFINITY, f32::NEG_INFINITY));
        assert_eq!((minimum(&[f32::NAN; 70]), maximum(&[f32::NAN; 70])), (f32::INFINITY, f32::NEG_INFINITY));
        for length in 1..200 {
            let mut values: Vec<f32> = (0..length).map(|index| (index * 7919 % 1009) as f32 - 500.0).collect();
            values[length / 2] = f32::NAN;
            let expected = |start, better: fn(f32, f32) -> f32| values.iter().copied().fold(start, better);
            assert_eq!(minimum(&values), expected(f32::INFINITY, f32::min));
            assert_eq!(maximum(&values), expected(f32::NEG_INFINITY, f32::max));
        }
    }
}
