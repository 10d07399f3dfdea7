//! Reads tensors by name as 32-bit floats, one tensor in memory at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use half::{bf16, f16};
use ndarray::{Array1, Array2};
use safetensors::Dtype;

use super::matching::TensorProblem;
use super::storage::{Storage, StoredTensor};
use crate::error::ExportError;

/// Number of elements converted at a time.
const PIECE: usize = 1 << 18;

/// The tensors of a checkpoint, with checked shapes, by their names in transformers 4.
#[derive(Debug)]
pub(crate) struct Weights {
    folder: PathBuf,
    storage: Storage,
    located: BTreeMap<String, StoredTensor>,
}

impl Weights {
    pub(super) fn new(folder: PathBuf, storage: Storage, located: BTreeMap<String, StoredTensor>) -> Self {
        Self { folder, storage, located }
    }

    fn stored(&self, name: &str) -> Result<&StoredTensor, ExportError> {
        // Not reached for expected tensors: all of them are located.
        self.located.get(name).ok_or_else(|| ExportError::Tensors {
            path: self.folder.clone(),
            problems: vec![TensorProblem::Missing { name: name.to_owned(), expected: vec![], nearest: vec![] }],
        })
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&[usize], ExportError> {
        Ok(&self.stored(name)?.shape)
    }

    /// Size in bytes, as 32-bit floats, of the tensors with one of these prefixes.
    pub(crate) fn bytes(&self, prefixes: &[&str]) -> u64 {
        let wanted = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let elements = |stored: &StoredTensor| stored.shape.iter().product::<usize>() as u64;
        self.located.iter().filter(|(name, _)| wanted(name)).map(|(_, stored)| 4 * elements(stored)).sum()
    }

    /// Passes the values on in pieces, as little-endian 32-bit floats.
    pub(crate) fn stream(
        &self,
        name: &str,
        mut piece: impl FnMut(&[u8]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let stored = self.stored(name)?;
        let map = self.storage.map(stored)?;
        if stored.dtype == Dtype::F32 {
            return map.chunks(4 * PIECE).try_for_each(piece);
        }
        map.chunks(2 * PIECE).try_for_each(|bytes| {
            let values = to_f32(stored.dtype, bytes);
            piece(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
        })
    }

    /// All values, in row-major order.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>, ExportError> {
        let stored = self.stored(name)?;
        Ok(to_f32(stored.dtype, &self.storage.map(stored)?))
    }

    /// A tensor as a vector, whatever its shape.
    pub(crate) fn vector(&self, name: &str) -> Result<Array1<f32>, ExportError> {
        Ok(Array1::from_vec(self.values(name)?))
    }

    /// A tensor as a matrix: the first axis by all others.
    pub(crate) fn matrix(&self, name: &str) -> Result<Array2<f32>, ExportError> {
        let rows = self.shape(name)?[0];
        self.reshaped(name, rows)
    }

    /// A tensor as a matrix with this number of rows.
    pub(crate) fn reshaped(&self, name: &str, rows: usize) -> Result<Array2<f32>, ExportError> {
        let values = self.values(name)?;
        let columns = values.len() / rows.max(1);
        // Shapes are checked, so `rows` divides the number of values.
        Ok(Array2::from_shape_fn((rows, columns), |(row, column)| values[row * columns + column]))
    }

    /// The given rows of a matrix.
    pub(crate) fn rows(&self, name: &str, rows: &[usize]) -> Result<Array2<f32>, ExportError> {
        let stored = self.stored(name)?;
        let map = self.storage.map(stored)?;
        let columns = stored.shape.last().copied().unwrap_or(1);
        let bytes = columns * if stored.dtype == Dtype::F32 { 4 } else { 2 };
        let mut values = Array2::zeros((rows.len(), columns));
        for (mut row, index) in values.rows_mut().into_iter().zip(rows) {
            let bytes = map.get(index * bytes..(index + 1) * bytes).ok_or_else(|| {
                let (name, rows) = (name.to_owned(), map.len() / bytes.max(1));
                ExportError::Row { name, rows, found: *index }
            })?;
            row.assign(&Array1::from_vec(to_f32(stored.dtype, bytes)));
        }
        Ok(values)
    }
}

/// Converts little-endian values of a supported type.
fn to_f32(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    match dtype {
        Dtype::F16 => pairs().map(|pair| f16::from_le_bytes(pair).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|pair| bf16::from_le_bytes(pair).to_f32()).collect(),
        _ => bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_reads_exactly() {
        // 1.5, -2, smallest subnormal, largest finite; IEEE 754 binary16
        let bytes = [0x00, 0x3e, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b];
        assert_eq!(to_f32(Dtype::F16, &bytes), [1.5, -2.0, 2f32.powi(-24), 65504.0]);
        // The upper half of binary32
        let bytes = [0xc0, 0x3f, 0x00, 0xc0, 0x49, 0x40];
        assert_eq!(to_f32(Dtype::BF16, &bytes), [1.5, -2.0, 3.140625]);
    }
}
