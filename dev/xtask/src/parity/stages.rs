//! Comparison of a stage's values with the stored reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::error::{Error, Result};

/// The difference between a stage and the reference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) shape: Vec<usize>,
    /// Largest absolute difference over all values; infinite if either side has a NaN.
    pub(super) difference: f64,
    /// Largest difference allowed.
    pub(super) bound: f64,
}

impl Stage {
    pub(super) fn passes(&self) -> bool {
        self.difference <= self.bound
    }
}

/// The file that `reference.py` wrote.
pub(super) struct Reference {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// An element type that can be compared.
pub(super) trait Element: Copy {
    const DTYPE: Dtype;
    fn from_le(bytes: &[u8]) -> Option<Self>;
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($type:ty, $dtype:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = $dtype;
            fn from_le(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_le_bytes)
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    };
}

element!(u8, Dtype::U8);
element!(i64, Dtype::I64);
element!(f32, Dtype::F32);

impl Reference {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Malformed`] if it is not safetensors.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let reference = Self { path: path.to_owned(), bytes };
        reference.tensors()?;
        Ok(reference)
    }

    /// The values of the tensor `name`, with their shape.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such tensor or it has another element type.
    pub(super) fn values<T: Element>(&self, name: &str) -> Result<(Vec<usize>, Vec<T>)> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).map_err(|error| self.malformed(format!("{name}: {error}")))?;
        if tensor.dtype() != T::DTYPE {
            return Err(self.malformed(format!("{name}: {:?} expected, {:?} found", T::DTYPE, tensor.dtype())));
        }
        let values = tensor.data().chunks_exact(size_of::<T>()).filter_map(T::from_le).collect();
        Ok((tensor.shape().to_vec(), values))
    }

    /// Compares `ours` with the tensor `name`.
    ///
    /// # Errors
    /// As [`Reference::values`]; [`Error::Malformed`] if the shapes differ.
    pub(super) fn compare<T: Element>(
        &self,
        name: &'static str,
        shape: &[usize],
        ours: impl IntoIterator<Item = T>,
        bound: f64,
    ) -> Result<Stage> {
        let (expected, theirs) = self.values::<T>(name)?;
        if expected != shape {
            return Err(self.malformed(format!("{name}: shape {shape:?} computed, {expected:?} stored")));
        }
        let mut ours = ours.into_iter();
        let mut difference = 0.0_f64;
        for theirs in &theirs {
            let Some(ours) = ours.next() else {
                return Err(self.malformed(format!("{name}: fewer than {} values computed", expected.len())));
            };
            let distance = (ours.to_f64() - theirs.to_f64()).abs();
            difference = difference.max(if distance.is_nan() { f64::INFINITY } else { distance });
        }
        Ok(Stage { name, shape: expected, difference, bound })
    }

    /// A metadata entry, which is JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is missing or not JSON.
    pub(super) fn metadata(&self, key: &str) -> Result<Value> {
        let (_, header) = SafeTensors::read_metadata(&self.bytes).map_err(|error| self.malformed(error.to_string()))?;
        let text = header.metadata().as_ref().and_then(|entries| entries.get(key));
        let text = text.ok_or_else(|| self.malformed(format!("no metadata {key:?}")))?;
        serde_json::from_str(text).map_err(|error| self.malformed(format!("metadata {key:?}: {error}")))
    }

    /// The prompts that were compared.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are missing.
    pub(super) fn prompts(&self) -> Result<Vec<String>> {
        let not_strings = |error| self.malformed(format!("prompts: {error}"));
        serde_json::from_value(self.metadata("prompts")?).map_err(not_strings)
    }

    /// Versions of the software that computed the reference.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are missing.
    pub(super) fn versions(&self) -> Result<BTreeMap<String, String>> {
        let not_strings = |error| self.malformed(format!("versions: {error}"));
        serde_json::from_value(self.metadata("versions")?).map_err(not_strings)
    }

    pub(super) fn malformed(&self, message: String) -> Error {
        Error::Malformed { path: self.path.clone(), message }
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| self.malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::TensorView;

    use super::*;

    fn reference(values: &[f32]) -> (tempfile::TempDir, Reference) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![values.len()], &bytes).unwrap();
        let metadata = HashMap::from([
            ("prompts".to_owned(), r#"["one", "two"]"#.to_owned()),
            ("versions".to_owned(), r#"{"PyTorch": "2.15.0"}"#.to_owned()),
        ]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reference.safetensors");
        std::fs::write(&path, safetensors::serialize([("logits", view)], Some(metadata)).unwrap()).unwrap();
        let reference = Reference::open(&path).unwrap();
        (directory, reference)
    }

    #[test]
    fn a_stage_keeps_the_largest_difference() {
        let (_directory, reference) = reference(&[1.0, 2.0, 3.0]);
        let stage = reference.compare("logits", &[3], [1.0_f32, 1.5, 3.25], 0.25).unwrap();
        assert_eq!((stage.difference, stage.passes()), (0.5, false));
        assert!(reference.compare("logits", &[3], [1.0_f32, 2.0, 3.25], 0.25).unwrap().passes());
    }

    #[test]
    fn not_a_number_never_passes() {
        let (_directory, reference) = reference(&[1.0, f32::NAN]);
        let stage = reference.compare("logits", &[2], [1.0_f32, 1.0], f64::MAX).unwrap();
        assert_eq!((stage.difference, stage.passes()), (f64::INFINITY, false));
    }

    #[test]
    fn a_wrong_shape_count_name_or_type_is_an_error() {
        let (_directory, reference) = reference(&[1.0, 2.0]);
        let message = |stage: Result<Stage>| stage.unwrap_err().to_string();
        let shape = message(reference.compare("logits", &[3], [1.0_f32; 3], 1.0));
        assert!(shape.contains("shape [3] computed, [2] stored"), "{shape}");
        let count = message(reference.compare("logits", &[2], [1.0_f32; 1], 1.0));
        assert!(count.contains("fewer than"), "{count}");
        let name = message(reference.compare("maps", &[2], [1.0_f32; 2], 1.0));
        assert!(name.contains("maps"), "{name}");
        let kind = message(reference.compare("logits", &[2], [1_u8; 2], 1.0));
        assert!(kind.contains("U8 expected, F32 found"), "{kind}");
    }

    #[test]
    fn prompts_and_versions_are_read_from_the_metadata() {
        let (_directory, reference) = reference(&[1.0]);
        assert_eq!(reference.prompts().unwrap(), ["one", "two"]);
        assert_eq!(reference.versions().unwrap()["PyTorch"], "2.15.0");
        assert!(reference.metadata("measured").unwrap_err().to_string().contains("no metadata \"measured\""));
    }

    #[test]
    fn a_file_that_is_not_safetensors_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reference.safetensors");
        std::fs::write(&path, "no").unwrap();
        assert!(matches!(Reference::open(&path), Err(Error::Malformed { .. })));
    }
}
