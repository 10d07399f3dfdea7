//! Samples of a plane as they lie in the file, and the one pass over them that makes levels.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use radzero_score::pool;

/// Samples that a thread takes at once.
const CHUNK: usize = 1 << 17;

/// One plane, row by row: bit patterns of 8 or 16 bits.
pub(super) enum Samples<'a> {
    Bytes(Cow<'a, [u8]>),
    LittleEndian(Cow<'a, [u8]>),
    BigEndian(Cow<'a, [u8]>),
    Words(Cow<'a, [u16]>),
}

impl Samples<'_> {
    /// How many bit patterns a sample may have.
    pub(super) fn patterns(&self) -> usize {
        match self {
            Self::Bytes(_) => 1 << 8,
            Self::LittleEndian(_) | Self::BigEndian(_) | Self::Words(_) => 1 << 16,
        }
    }

    /// Which of the 256 or 65,536 bit patterns occur.
    pub(super) fn present(&self) -> Vec<bool> {
        let patterns = self.patterns();
        match self {
            Self::Bytes(bytes) => present(bytes, patterns, |&byte| byte.into()),
            Self::LittleEndian(bytes) => {
                present(bytes.as_chunks().0, patterns, |&pair| u16::from_le_bytes(pair).into())
            }
            Self::BigEndian(bytes) => present(bytes.as_chunks().0, patterns, |&pair| u16::from_be_bytes(pair).into()),
            Self::Words(words) => present(words, patterns, |&word| word.into()),
        }
    }

    /// The table's entry for each sample. The table has an entry for each of the [`Samples::patterns`], the result one for
    /// every sample.
    pub(super) fn map(&self, table: &[u8]) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => map(bytes, table, |&byte| byte.into()),
            Self::LittleEndian(bytes) => map(bytes.as_chunks().0, table, |&pair| u16::from_le_bytes(pair).into()),
            Self::BigEndian(bytes) => map(bytes.as_chunks().0, table, |&pair| u16::from_be_bytes(pair).into()),
            Self::Words(words) => map(words, table, |&word| word.into()),
        }
    }
}

fn present<T: Sync>(samples: &[T], patterns: usize, index: impl Fn(&T) -> usize + Sync) -> Vec<bool> {
    // The tables that no thread writes to. A piece takes one that is there, so as many are made as there are threads.
    let tables = Mutex::new(Vec::new());
    let free = || tables.lock().unwrap_or_else(PoisonError::into_inner);
    pool::each(samples.chunks(CHUNK), |samples| {
        let table = free().pop();
        let mut present = table.unwrap_or_else(|| vec![false; patterns]);
        for sample in samples {
            present[index(sample)] = true;
        }
        free().push(present);
    });
    let or = |mut one: Vec<bool>, other: Vec<bool>| {
        for (one, other) in one.iter_mut().zip(other) {
            *one |= other;
        }
        one
    };
    let tables = tables.into_inner().unwrap_or_else(PoisonError::into_inner);
    tables.into_iter().reduce(or).unwrap_or_else(|| vec![false; patterns])
}

fn map<T: Sync>(samples: &[T], table: &[u8], index: impl Fn(&T) -> usize + Sync) -> Vec<u8> {
    let mut levels = vec![0; samples.len()];
    pool::each(levels.chunks_mut(CHUNK).zip(samples.chunks(CHUNK)), |(levels, samples)| {
        for (level, sample) in levels.iter_mut().zip(samples) {
            *level = table[index(sample)];
        }
    });
    levels
}
