//! Prompts and image paths as parts of file names.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use radzero_core::manifest::sha256_bytes;

/// Maximum length of a slug in bytes, including the hash; file names may have 255.
const LONGEST: usize = 96;

/// Characters of the hash that distinguishes shortened slugs.
const HASH: usize = 8;

/// A sentence as part of a file name: letters and digits in lower case, with a hyphen for everything between them.
///
/// A long sentence is truncated, and the start of its SHA-256 distinguishes it from others with the same beginning.
pub(crate) fn slug(prompt: &str) -> String {
    let words: Vec<String> = prompt
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut slug = words.join("-");
    if slug.is_empty() {
        // Only punctuation, which the model accepts.
        return hash(prompt);
    }
    if slug.len() > LONGEST {
        slug.truncate(slug.floor_char_boundary(LONGEST - HASH - 1));
        slug = format!("{}-{}", slug.trim_end_matches('-'), hash(prompt));
    }
    slug
}

fn hash(prompt: &str) -> String {
    sha256_bytes(prompt.as_bytes()).to_string().chars().take(HASH).collect()
}

/// The stem of an image's file name; `None` if the path has no file name.
///
/// DICOM files are often named by a UID without an extension (`1.2.840.10008.7`), so an extension of digits belongs to the
/// stem.
pub(crate) fn stem(image: &Path) -> Option<OsString> {
    let digits = |extension: &OsStr| extension.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let stem = match image.extension() {
        Some(extension) if digits(extension) => image.file_name(),
        _ => image.file_stem(),
    };
    stem.map(OsStr::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_words() {
        assert_eq!(slug("There is fibrosis"), "there-is-fibrosis");
        assert_eq!(slug("  There is:\n../../etc/PASSWD  "), "there-is-etc-passwd");
        assert_eq!(slug("Größe 2,5 cm — 흉부"), "größe-2-5-cm-흉부");
    }

    #[test]
    fn slugs_are_never_empty_nor_long_and_long_ones_stay_apart() {
        assert_eq!(slug("?!").len(), HASH);
        assert_ne!(slug("?!"), slug("!?"));
        let (one, two) = ("a ".repeat(100) + "left", "a ".repeat(100) + "right");
        assert_ne!(slug(&one), slug(&two));
        for prompt in [one, two, "한".repeat(99), "x".repeat(LONGEST)] {
            assert!(slug(&prompt).len() <= LONGEST, "{}", slug(&prompt));
        }
    }

    #[test]
    fn stems_keep_uids_whole() {
        assert_eq!(stem(Path::new("a/chest.png")).unwrap(), "chest");
        assert_eq!(stem(Path::new("a/chest.tar.dcm")).unwrap(), "chest.tar");
        assert_eq!(stem(Path::new("a/IM0001")).unwrap(), "IM0001");
        assert_eq!(stem(Path::new("1.2.840.10008.7")).unwrap(), "1.2.840.10008.7");
        assert_eq!(stem(Path::new("1.2.840.10008.7.dcm")).unwrap(), "1.2.840.10008.7");
        assert_eq!(stem(Path::new("a/..")), None);
    }
}
