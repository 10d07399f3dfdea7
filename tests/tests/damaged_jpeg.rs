//! Truncated and damaged JPEG files are refused, and never filled up with gray.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use radzero_core::radiograph::ReadOptions;
use radzero_core::{ErrorKind, Radiograph};

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const END_OF_ITEMS: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
const PROGRESSIVE: &[u8] = b"1.2.840.10008.1.2.4.55";
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// A JPEG codestream, on its own or in a DICOM file.
struct Jpeg {
    name: String,
    /// The codestream without its end of image.
    stream: Vec<u8>,
    /// The DICOM file up to the codestream.
    before: Option<Vec<u8>>,
}

impl Jpeg {
    fn open(name: &str) -> Self {
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        let find = |part: &[u8]| bytes.windows(part.len()).rposition(|window| window == part);
        let (before, stream) = match find(&END_OF_ITEMS) {
            None => (None, bytes),
            Some(end) => {
                let item = find(&ITEM).unwrap();
                let mut before = bytes[..item].to_vec();
                // Progressive JPEG is read under the transfer syntax of the baseline; its own is retired and refused.
                if let Some(at) = before.windows(PROGRESSIVE.len()).position(|part| part == PROGRESSIVE) {
                    before[at + PROGRESSIVE.len() - 1] = b'0';
                }
                (Some(before), bytes[item + 8..end].to_vec())
            }
        };
        let end = stream.windows(2).rposition(|pair| pair == END_OF_IMAGE).unwrap();
        let jpeg = Self { name: name.into(), stream: stream[..end].to_vec(), before };
        jpeg.read(&stream).unwrap_or_else(|error| panic!("{name}: {error}"));
        jpeg
    }

    /// Reads the file with this codestream in place of its own.
    fn read(&self, stream: &[u8]) -> radzero_core::Result<Radiograph> {
        let Some(before) = &self.before else { return ReadOptions::default().read_bytes(stream) };
        let mut stream = stream.to_vec();
        stream.resize(stream.len().next_multiple_of(2), 0);
        let length = (stream.len() as u32).to_le_bytes();
        ReadOptions::default().read_bytes(&[before, &ITEM[..], &length, &stream, &END_OF_ITEMS].concat())
    }

    #[track_caller]
    fn refused(&self, damage: &str, stream: &[u8]) {
        match self.read(stream) {
            Ok(_) => panic!("{}, {damage}: read as if it were whole", self.name),
            Err(error) => assert_eq!(error.kind(), ErrorKind::DamagedImage, "{}, {damage}: {error}", self.name),
        }
    }

    #[track_caller]
    fn same(&self, change: &str, stream: &[u8]) {
        let whole = self.read(&[&self.stream, &END_OF_IMAGE[..]].concat()).unwrap();
        let found = self.read(stream).unwrap_or_else(|error| panic!("{}, {change}: {error}", self.name));
        assert!(found.levels() == whole.levels(), "{}, {change}: another picture", self.name);
    }

    /// Offsets of the entropy-coded data of all scans, except refinements of DC: those have no codes, and any bits are valid.
    fn scans(&self) -> Vec<usize> {
        let marks = self.stream.windows(2).enumerate().filter(|(_, pair)| *pair == [0xFF, 0xDA]);
        let starts = marks.map(|(at, _)| at + 2 + usize::from(self.stream[at + 3]));
        starts.filter(|&start| !matches!(self.stream[start - 3..start], [0, 0, high] if high >> 4 != 0)).collect()
    }
}

const FILES: [&str; 9] = [
    "images/gray.jpg",
    "images/progressive.jpg",
    "images/restarts.jpg",
    "images/cmyk.jpg",
    "images/ycck.jpg",
    "images/orientation6.jpg",
    "golden/images/jpeg.jpg",
    "dicom/files/jpeg_baseline.dcm",
    "dicom/files/jpeg_progressive.dcm",
];

#[test]
fn a_truncated_file_is_refused() {
    for jpeg in FILES.map(Jpeg::open) {
        let length = jpeg.stream.len();
        // With ten tenths, only the end of image is missing.
        for tenth in 1..=10 {
            jpeg.refused(&format!("{tenth} tenths"), &jpeg.stream[..length * tenth / 10]);
        }
    }
}

/// As if a truncated file had been repaired: it has an end of image, but not all of its data.
#[test]
fn a_scan_that_ends_early_is_refused() {
    for jpeg in FILES.map(Jpeg::open) {
        let (length, scans) = (jpeg.stream.len(), jpeg.scans());
        let last = scans[scans.len() - 1];
        for left in [1, 5, 9] {
            let damage = format!("{left} tenths of the last scan");
            let kept = &jpeg.stream[..last + (length - last) * left / 10];
            jpeg.refused(&damage, &[kept, &END_OF_IMAGE].concat());
        }
    }
}

#[test]
fn invalid_codes_and_markers_in_a_scan_are_refused() {
    for jpeg in FILES.map(Jpeg::open) {
        for start in jpeg.scans() {
            // No Huffman code is all ones, and a scan must not contain a marker.
            for with in [&[0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0][..], &[0xFF, 0xC4], &[0xFF, 0xE1], &[0xFF, 0x02]] {
                let mut stream = [&jpeg.stream, &END_OF_IMAGE[..]].concat();
                // Near the start, as the first scan of a progressive file has few bytes.
                let at = start + 2;
                stream[at..at + with.len()].copy_from_slice(with);
                jpeg.refused(&format!("{with:02x?} at {at}"), &stream);
            }
        }
    }
}

#[test]
fn a_lost_restart_interval_is_refused() {
    let jpeg = Jpeg::open("images/restarts.jpg");
    let restarts = |stream: &[u8]| -> Vec<usize> {
        let marks =
            stream.windows(2).enumerate().filter(|(_, pair)| pair[0] == 0xFF && (0xD0..=0xD7).contains(&pair[1]));
        marks.map(|(at, _)| at).collect()
    };
    let found = restarts(&jpeg.stream);
    assert!(found.len() >= 3, "{found:?}");
    let without = [&jpeg.stream[..found[0]], &jpeg.stream[found[1]..], &END_OF_IMAGE].concat();
    jpeg.refused("without an interval", &without);
    let error = jpeg.read(&without).unwrap_err().to_string();
    assert!(error.contains("number 0 expected, number 1 found"), "{error}");
}

/// Harmless extra bytes, which Pillow ignores too.
#[test]
fn bytes_that_are_not_part_of_the_picture_are_ignored() {
    for jpeg in FILES.map(Jpeg::open) {
        let stream = [&jpeg.stream, &END_OF_IMAGE[..]].concat();
        let table = stream.windows(2).position(|pair| pair == [0xFF, 0xDB]).unwrap();
        let at = |position: usize, extra: &[u8]| [&stream[..position], extra, &stream[position..]].concat();
        jpeg.same("bytes after the end", &at(stream.len(), b"\xff\xd8 garbage \xff\xda"));
        jpeg.same("fill bytes before a marker", &at(table, &[0xFF; 5]));
        jpeg.same("bytes between segments", &at(table, b"between"));
        jpeg.same("a comment before the end", &at(stream.len() - 2, b"\xff\xfe\x00\x05abc"));
    }
}
