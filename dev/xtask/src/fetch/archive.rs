//! Extracting one file from a wheel (zip) or an npm package (gzipped tar).

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::error::{Error, Result};

/// Writes `entry` of a zip archive to the file `to`.
///
/// # Errors
/// [`Error::Archive`] if the archive is damaged or has no such entry, [`Error::Io`] if a file cannot be opened.
pub(crate) fn unzip(archive: &Path, entry: &str, to: &Path) -> Result<()> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let mut out = File::create(to).map_err(Error::io("create", to))?;
    append(file, entry, &mut out).map_err(failed(archive, entry))
}

/// Appends `entry` of a zip archive to `out`, to reassemble a file that is split over several archives.
///
/// # Errors
/// As [`unzip`].
pub(crate) fn unzip_append(archive: &Path, entry: &str, out: &mut File) -> Result<()> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    append(file, entry, out).map_err(failed(archive, entry))
}

fn append(archive: File, entry: &str, out: &mut File) -> io::Result<()> {
    let mut zip = zip::ZipArchive::new(BufReader::new(archive))?;
    // At its end, the reader checks the entry's CRC.
    io::copy(&mut zip.by_name(entry)?, out).map(drop)
}

/// Decompresses the gzipped file `archive` to the file `to`.
///
/// # Errors
/// As [`unzip`].
pub(crate) fn gunzip(archive: &Path, to: &Path) -> Result<()> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let mut out = File::create(to).map_err(Error::io("create", to))?;
    let copied = io::copy(&mut GzDecoder::new(BufReader::new(file)), &mut out);
    copied.map(drop).map_err(failed(archive, "its content"))
}

/// Writes `entry` of a gzipped tar archive to the file `to`.
///
/// # Errors
/// As [`unzip`].
pub(crate) fn untar(archive: &Path, entry: &str, to: &Path) -> Result<()> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let search = || -> io::Result<()> {
        let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
        for member in tar.entries()? {
            let mut member = member?;
            if member.path()? == Path::new(entry) {
                let size = member.size();
                let written = io::copy(&mut member, &mut File::create(to)?)?;
                return if written == size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "no such entry"))
    };
    search().map_err(failed(archive, entry))
}

fn failed(archive: &Path, entry: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Archive { archive: archive.to_owned(), entry: entry.into(), source }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(crate) fn write_zip(path: &Path, entries: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, bytes) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    fn write_tgz(path: &Path, entries: &[(&str, &[u8])]) {
        let gzip = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    type Unpack = fn(&Path, &str, &Path) -> Result<()>;
    type Pack = fn(&Path, &[(&str, &[u8])]);
    const BOTH: [(Pack, Unpack); 2] = [(write_zip, unzip), (write_tgz, untar)];

    #[test]
    fn the_named_entry_is_extracted() {
        let directory = tempfile::tempdir().unwrap();
        let (archive, out) = (directory.path().join("archive"), directory.path().join("out"));
        let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for (pack, unpack) in BOTH {
            pack(&archive, &[("a/first", b"one"), ("a/second", &large)]);
            unpack(&archive, "a/second", &out).unwrap();
            assert_eq!(std::fs::read(&out).unwrap(), large);
            unpack(&archive, "a/first", &out).unwrap();
            assert_eq!(std::fs::read(&out).unwrap(), b"one");
        }
    }

    #[test]
    fn the_error_for_a_missing_entry_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let (archive, out) = (directory.path().join("archive"), directory.path().join("out"));
        for (pack, unpack) in BOTH {
            pack(&archive, &[("a/first", b"one")]);
            let message = unpack(&archive, "a/second", &out).unwrap_err().to_string();
            assert!(message.starts_with("cannot unpack a/second from "), "{message}");
        }
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let (archive, out) = (directory.path().join("archive"), directory.path().join("out"));
        // Noise does not compress, so half of the archive cannot hold it.
        let noise: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for (pack, unpack) in BOTH {
            pack(&archive, &[("noise", &noise)]);
            let bytes = std::fs::read(&archive).unwrap();
            std::fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
            unpack(&archive, "noise", &out).unwrap_err();
        }
    }

    #[test]
    fn split_files_are_reassembled() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let mut file = File::create(&out).unwrap();
        for (index, bytes) in [b"ab", b"cd"].into_iter().enumerate() {
            let archive = directory.path().join(format!("{index}.whl"));
            write_zip(&archive, &[("part", bytes)]);
            unzip_append(&archive, "part", &mut file).unwrap();
        }
        assert_eq!(std::fs::read(&out).unwrap(), b"abcd");
    }
}
