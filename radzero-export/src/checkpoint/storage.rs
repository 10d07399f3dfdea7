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

/// A tensor as it lies in a file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Which of the [`Storage`]'s files.
    file: usize,
    /// First byte in the file.
    start: u64,
    /// Length in bytes.
    length: usize,
}

/// Every tensor of a checkpoint, by its name in the files.
#[derive(Debug)]
pub(crate) struct Storage {
    files: Vec<(PathBuf, File)>,
    pub(crate) tensors: BTreeMap<String, Stored>,
}

impl Storage {
    /// Reads the headers of the weight files; `read` receives the name of each file read.
    pub(crate) fn open(folder: &Path, read: &mut Vec<String>) -> Result<Self, ExportError> {
        let found = |found| ExportError::WeightFiles { path: folder.to_owned(), found };
        let mut storage = Self { files: Vec::new(), tensors: BTreeMap::new() };
        match (folder.join(SINGLE).exists(), folder.join(INDEX).exists()) {
            (false, false) => return Err(found("no weights")),
            (true, true) => return Err(found("both a single weight file and a shard index")),
            (true, false) => {
                storage.add(&folder.join(SINGLE))?;
                read.push(SINGLE.to_owned());
            }
            (false, true) => {
                read.push(INDEX.to_owned());
                storage.add_shards(folder, read)?;
            }
        }
        Ok(storage)
    }

    fn add_shards(&mut self, folder: &Path, read: &mut Vec<String>) -> Result<(), ExportError> {
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
                read.push(shard.clone());
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

    /// Adds a file's tensors; how many it holds.
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
            let stored = Stored {
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

    /// Maps one tensor's bytes. Mapped one at a time, so that memory in use stays at one tensor whatever the file's size.
    pub(crate) fn map(&self, tensor: &Stored) -> Result<Mmap, ExportError> {
        let (path, file) = &self.files[tensor.file];
        map(path, file, tensor.start, tensor.length)
    }
}

fn map(path: &Path, file: &File, start: u64, length: usize) -> Result<Mmap, ExportError> {
    // SAFETY: the map is read-only and private to this process. As with every file map, the file must not be cut short by
    // others while it is read; checkpoints are not written to in place.
    unsafe { MmapOptions::new().offset(start).len(length).map(file) }.map_err(ExportError::io("map", path))
}

/// What a file that is not safetensors seems to be.
fn hint(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"version https://git-lfs") {
        ": it is a Git LFS pointer, the weights themselves were not fetched"
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        ": it looks like a PyTorch pickle"
    } else {
        ""
    }
}
