//! The metadata properties that every graph carries (`metadata_props` of ONNX's `ModelProto`).

use radzero_format::manifest::{Digest, Source, sha256_bytes};

/// The same in every graph.
const INTENDED_USE: &str = "Research use only; not a medical device. Scores are similarities between a sentence and an image, \
                            never a chance of disease.";

/// Extension of the source files that are not weights: settings, tokenizer, shard index.
const SETTINGS: &str = ".json";

/// Keys and values, in the order in which they are written.
#[derive(Debug)]
pub(crate) struct Metadata(Vec<(&'static str, String)>);

impl Metadata {
    /// The properties, from values that the manifest also records.
    pub(crate) fn new(name: &str, weights_license: &str, generator: &str, source: &Source) -> Self {
        Self(vec![
            ("model_name", name.to_owned()),
            // A key that ONNX itself defines (its MetadataProps.md).
            ("model_license", weights_license.to_owned()),
            ("checkpoint_sha256", weights_sha256(source).into()),
            ("generator", generator.to_owned()),
            ("intended_use", INTENDED_USE.to_owned()),
        ])
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }
}

/// SHA-256 of the weight file; of shards, that of the lines `SHA-256  NAME` in the order of names, as `sha256sum` prints them.
fn weights_sha256(source: &Source) -> Digest {
    let files: Vec<_> = source.files.iter().filter(|(name, _)| !name.ends_with(SETTINGS)).collect();
    if let [(_, file)] = files.as_slice() {
        return file.sha256.clone();
    }
    let lines: String = files.iter().map(|(name, file)| format!("{}  {name}\n", file.sha256)).collect();
    sha256_bytes(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use radzero_format::manifest::{FileRecord, TensorNames};

    use super::*;

    fn source(files: &[&str]) -> Source {
        let record = |name: &&str| ((*name).to_owned(), FileRecord { bytes: 0, sha256: sha256_bytes(name.as_bytes()) });
        Source {
            files: files.iter().map(record).collect(),
            transformers_version: None,
            tensor_names: TensorNames::Transformers4,
        }
    }

    #[test]
    fn one_weight_file_is_known_by_its_own_hash() {
        let found = weights_sha256(&source(&["config.json", "model.safetensors", "tokenizer.json"]));
        assert_eq!(found, sha256_bytes(b"model.safetensors"));
    }

    /// `for f in a b; do printf $f.safetensors > $f.safetensors; done; sha256sum *.safetensors | sha256sum`
    #[test]
    fn shards_are_known_by_the_hash_of_their_hashes() {
        let found = weights_sha256(&source(&["b.safetensors", "a.safetensors", "model.safetensors.index.json"]));
        assert_eq!(found.as_str(), "b67f68354d62f0d4b53e96954c3c476be8ffc2e59754869109edbb7a4d5b139b");
    }
}
