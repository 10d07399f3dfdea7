//! Weight files: one `model.safetensors`, or shards named by `model.safetensors.index.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, MmapOptions};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::read_json;
use crate::error::ExportError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Where and how a tensor is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredTensor {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Index of the file in [`Storage`].
    file: usize,
    /// Offset in the file, in bytes.
    start: u64,
    /// Length in bytes.
    length: usize,
}

/// The tensors of a checkpoint, by their names in the files.
#[derive(Debug)]
pub(crate) struct Storage {
    files: Vec<(PathBuf, File)>,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
}

impl Storage {
    /// Reads the headers of the weight files, and adds their names to `files_read`.
    pub(crate) fn open(folder: &Path, files_read: &mut Vec<String>) -> Result<Self, ExportError> {
        let found = |found| ExportError::WeightFiles { path: folder.to_owned(), found };
        let mut storage = Self { files: Vec::new(), tensors: BTreeMap::new() };
        match (folder.join(SINGLE).exists(), folder.join(INDEX).exists()) {
            (false, false) => return Err(found("no weights")),
            (true, true) => return Err(found("both a single weight file and a shard index")),
            (true, false) => {
                storage.add(&folder.join(SINGLE))?;
                files_read.push(SINGLE.to_owned());
            }
            (false, true) => {
                files_read.push(INDEX.to_owned());
                storage.add_shards(folder, files_read)?;
            }
        }
        Ok(storage)
    }

    fn add_shards(&mut self, folder: &Path, files_read: &mut Vec<String>) -> Result<(), ExportError> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let path = folder.join(INDEX);
        let index: Index = read_json(&path)?;
        let mut problems = Vec::new();
        let shards: BTreeSet<&String> = index.weight_map.values().collect();
        for shard in shards {
            // An index must not reach outside its folder.
            if Path::new(shard).file_name().and_then(|name| name.to_str()) != Some(shard) {
                problems.push(format!("{shard:?} is not a plain file name"));
            } else if !folder.join(shard).exists() {
                problems.push(format!("{shard} is missing"));
            } else {
                let before = self.tensors.len();
                let held = self.add(&folder.join(shard))?;
                if self.tensors.len() - before != held {
                    problems.push(format!("{shard} repeats a tensor of another shard"));
                }
                files_read.push(shard.clone());
            }
        }
        for (name, shard) in &index.weight_map {
            let path = self.tensors.get(name).map(|tensor| &self.files[tensor.file].0);
            if path.is_none_or(|path| *path != folder.join(shard)) && folder.join(shard).exists() {
                problems.push(format!("{shard} does not hold {name}"));
            }
        }
        let unlisted = self.tensors.keys().filter(|name| !index.weight_map.contains_key(*name));
        problems.extend(unlisted.map(|name| format!("{name} is in a shard but not in the index")));
        if problems.is_empty() { Ok(()) } else { Err(ExportError::ShardIndex { path, problems }) }
    }

    /// Adds the tensors of a file and returns their number.
    fn add(&mut self, path: &Path) -> Result<usize, ExportError> {
        let file = File::open(path).map_err(ExportError::io("open", path))?;
        let bytes = file.metadata().map_err(ExportError::io("look at", path))?.len();
        let map = map(path, &file, 0, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|source| ExportError::Safetensors {
            path: path.to_owned(),
            bytes,
            hint: hint(&map),
            source,
        })?;
        let data = 8 + header as u64;
        let tensors = metadata.tensors();
        let held = tensors.len();
        for (name, info) in tensors {
            let (start, end) = info.data_offsets;
            let stored = StoredTensor {
                dtype: info.dtype,
                shape: info.shape.clone(),
                file: self.files.len(),
                start: data + start as u64,
                length: end - start,
            };
            self.tensors.insert(name, stored);
        }
        drop(map);
        self.files.push((path.to_owned(), file));
        Ok(held)
    }

    /// Maps the bytes of one tensor. Mapping one tensor at a time bounds memory use, however large the file.
    pub(crate) fn map(&self, tensor: &StoredTensor) -> Result<Mmap, ExportError> {
        let (path, file) = &self.files[tensor.file];
        map(path, file, tensor.start, tensor.length)
    }
}

fn map(path: &Path, file: &File, start: u64, length: usize) -> Result<Mmap, ExportError> {
    // SAFETY: the map is read-only and private to this process. As with any file map, nobody may truncate the file meanwhile;
    // checkpoints are not modified in place.
    unsafe { MmapOptions::new().offset(start).len(length).map(file) }.map_err(ExportError::io("map", path))
}

/// What a file that is not safetensors appears to be instead.
fn hint(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"version https://git-lfs") {
        ": it is a Git LFS pointer, the weights themselves were not fetched"
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        ": it looks like a PyTorch pickle"
    } else {
        ""
    }
}
