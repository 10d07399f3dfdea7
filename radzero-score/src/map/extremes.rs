//! Least and greatest of many values.

/// Values that are compared side by side: one after the other, each comparison would wait for the one before.
const LANES: usize = 32;

/// The greatest value, passing over NaN; negative infinity where there is none.
///
/// Compiled for several instruction sets and chosen at run time; all give the same value.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn greatest(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut found = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (found, &value) in found.iter_mut().zip(chunk) {
            *found = if value > *found { value } else { *found };
        }
    }
    found.iter().chain(rest).fold(f32::NEG_INFINITY, |found, &value| if value > found { value } else { found })
}

/// The least value, passing over NaN; infinity where there is none.
///
/// Compiled for several instruction sets and chosen at run time; all give the same value.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn least(values: &[f32]) -> f32 {
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
    fn as_one_after_the_other() {
        assert_eq!((least(&[]), greatest(&[])), (f32::INFINITY, f32::NEG_INFINITY));
        assert_eq!((least(&[f32::NAN; 70]), greatest(&[f32::NAN; 70])), (f32::INFINITY, f32::NEG_INFINITY));
        for length in 1..200 {
            let mut values: Vec<f32> = (0..length).map(|index| (index * 7919 % 1009) as f32 - 500.0).collect();
            values[length / 2] = f32::NAN;
            let expected = |start, better: fn(f32, f32) -> f32| values.iter().copied().fold(start, better);
            assert_eq!(least(&values), expected(f32::INFINITY, f32::min));
            assert_eq!(greatest(&values), expected(f32::NEG_INFINITY, f32::max));
        }
    }
}
