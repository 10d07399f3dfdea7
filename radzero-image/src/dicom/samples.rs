//! The samples of a plane as stored in the file, and the lookup that turns them into levels.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use radzero_pool as pool;

/// Number of samples that a thread processes at a time.
const CHUNK: usize = 1 << 17;

/// The number of bit patterns of 8 and of 16 bits. As constants, they spare the loops below a check for every sample.
const OF_BYTE: usize = 1 << 8;
const OF_WORD: usize = 1 << 16;

/// One plane, row by row, as bit patterns of 8 or 16 bits.
pub(super) enum Samples<'a> {
    Bytes(Cow<'a, [u8]>),
    LittleEndian(Cow<'a, [u8]>),
    BigEndian(Cow<'a, [u8]>),
    Words(Cow<'a, [u16]>),
}

impl Samples<'_> {
    /// The number of possible bit patterns of a sample.
    pub(super) fn patterns(&self) -> usize {
        match self {
            Self::Bytes(_) => OF_BYTE,
            Self::LittleEndian(_) | Self::BigEndian(_) | Self::Words(_) => OF_WORD,
        }
    }

    /// Which of the bit patterns occur; one entry per pattern.
    pub(super) fn present(&self) -> Vec<bool> {
        match self {
            Self::Bytes(bytes) => present::<_, OF_BYTE>(bytes, |&byte| byte.into()),
            Self::LittleEndian(bytes) => {
                present::<_, OF_WORD>(bytes.as_chunks().0, |&pair| u16::from_le_bytes(pair).into())
            }
            Self::BigEndian(bytes) => {
                present::<_, OF_WORD>(bytes.as_chunks().0, |&pair| u16::from_be_bytes(pair).into())
            }
            Self::Words(words) => present::<_, OF_WORD>(words, |&word| word.into()),
        }
    }

    /// Looks every sample up in `table`, which has one entry for each of the [`Samples::patterns`].
    pub(super) fn look_up(&self, table: &[u8]) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => look_up::<_, OF_BYTE>(bytes, table, |&byte| byte.into()),
            Self::LittleEndian(bytes) => {
                look_up::<_, OF_WORD>(bytes.as_chunks().0, table, |&pair| u16::from_le_bytes(pair).into())
            }
            Self::BigEndian(bytes) => {
                look_up::<_, OF_WORD>(bytes.as_chunks().0, table, |&pair| u16::from_be_bytes(pair).into())
            }
            Self::Words(words) => look_up::<_, OF_WORD>(words, table, |&word| word.into()),
        }
    }
}

fn present<T: Sync, const PATTERNS: usize>(samples: &[T], index: impl Fn(&T) -> usize + Sync) -> Vec<bool> {
    // Tables that no thread is writing to. Each chunk takes one if there is any, so there are at most as many as threads.
    let tables = Mutex::new(Vec::new());
    let free = || tables.lock().unwrap_or_else(PoisonError::into_inner);
    pool::each(samples.chunks(CHUNK), |samples| {
        let table = free().pop();
        let mut present = table.unwrap_or_else(|| vec![false; PATTERNS]);
        let entries = &mut present[..PATTERNS];
        for sample in samples {
            entries[index(sample)] = true;
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
    tables.into_iter().reduce(or).unwrap_or_else(|| vec![false; PATTERNS])
}

fn look_up<T: Sync, const PATTERNS: usize>(samples: &[T], table: &[u8], index: impl Fn(&T) -> usize + Sync) -> Vec<u8> {
    let mut levels = vec![0; samples.len()];
    pool::each(levels.chunks_mut(CHUNK).zip(samples.chunks(CHUNK)), |(levels, samples)| {
        let entries = &table[..PATTERNS];
        for (level, sample) in levels.iter_mut().zip(samples) {
            *level = entries[index(sample)];
        }
    });
    levels
}
