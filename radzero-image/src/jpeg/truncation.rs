//! Makes truncated data inside a codestream visible to the decoder.
//!
//! Where data ends early at a marker, `zune-jpeg` reads zeros: it returns gray or smeared blocks and no error. So 1-bits are
//! appended to every run of entropy-coded data. No Huffman code begins with 16 of them, so in strict mode a decoder that needs
//! more data than there is fails on them. Complete data is not affected: its last byte is padded with 1-bits anyway (section
//! F.1.2.3). This does not find damage that leaves all codes valid, nor a cut within the lowest DC bit of a progressive frame.

use radzero_format::Result;

use super::markers::{after_start_of_image, cut_off, entropy_coded_length, next_segment};
use super::size;
use crate::refusal::damaged;

/// 64 1-bits with their stuffed zero bytes: more than a code and the extra bits of one coefficient.
const ONES: [u8; 16] = [0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0];

/// A copy of `stream` in which truncated data is an error to the decoder. Stray bytes between segments, and all bytes after the
/// last scan, are left out.
///
/// # Errors
/// If the end of image or a restart marker is missing.
pub(super) fn expose(stream: &[u8]) -> Result<Vec<u8>> {
    let mut rest = after_start_of_image(stream)?;
    let mut copy = Vec::with_capacity(stream.len() + stream.len() / 8);
    copy.extend([0xFF, 0xD8]);
    let mut frame = Frame::default();
    // The walk goes on after the last scan, because the end of image must be there.
    while let Some((marker, body, behind)) = next_segment(rest)? {
        rest = behind;
        let data = if marker == 0xDA { &rest[..entropy_coded_length(rest)] } else { &[] };
        rest = &rest[data.len()..];
        if frame.complete() {
            continue;
        }
        copy.extend([0xFF, marker]);
        // The length counts its own two bytes. It cannot overflow: it was read from two bytes.
        copy.extend((body.len() as u16 + 2).to_be_bytes());
        copy.extend(body);
        match marker {
            0xC0..=0xC2 => {
                size::check_frame(body, marker == 0xC2, stream.len())?;
                frame.begin(marker == 0xC2, body)?;
            }
            0xDD => frame.restarts = body.iter().any(|&byte| byte != 0),
            0xDA => {
                frame.scan(body)?;
                frame.copy_data(data, &mut copy)?;
            }
            _ => {}
        }
    }
    copy.extend([0xFF, 0xD9]);
    Ok(copy)
}

/// What is known of the frame from the segments so far.
#[derive(Default)]
struct Frame {
    progressive: bool,
    restarts: bool,
    components: usize,
    /// Identifiers of the components that scans have contained so far.
    seen: Vec<u8>,
    scans: usize,
}

impl Frame {
    fn begin(&mut self, progressive: bool, body: &[u8]) -> Result<()> {
        self.progressive = progressive;
        self.components = body.get(5).copied().ok_or_else(cut_off)?.into();
        Ok(())
    }

    /// Whether all scans of a sequential frame were seen. A marker other than the end of image after them is either damage
    /// within the last scan, or irrelevant.
    fn complete(&self) -> bool {
        !self.progressive && self.components > 0 && self.seen.len() >= self.components
    }

    fn scan(&mut self, body: &[u8]) -> Result<()> {
        let (&count, body) = body.split_first().ok_or_else(cut_off)?;
        let selectors = body.get(..2 * usize::from(count)).ok_or_else(cut_off)?;
        for &[identifier, _] in selectors.as_chunks::<2>().0 {
            if !self.seen.contains(&identifier) {
                self.seen.push(identifier);
            }
        }
        self.scans += 1;
        Ok(())
    }

    fn copy_data(&self, data: &[u8], copy: &mut Vec<u8>) -> Result<()> {
        let mut expected = 0xD0;
        for (run, restart) in restart_runs(data) {
            copy.extend(run);
            if let Some(found) = restart {
                if !self.restarts || found != expected {
                    let expected = if self.restarts { format!("number {}", expected & 7) } else { "none".into() };
                    return Err(damaged(format!(
                        "the JPEG codestream is damaged: restart marker: {expected} expected, number {} found",
                        found & 7
                    )));
                }
                copy.extend(ONES);
                copy.extend([0xFF, found]);
                expected = 0xD0 | (found + 1) & 7;
            } else if self.complete() || self.progressive && self.scans > 1 {
                // After other scans, the decoder must find the next marker right after the data.
                copy.extend(ONES);
            }
        }
        Ok(())
    }
}

/// The runs of data between restart markers, each with the marker that follows it.
fn restart_runs(mut data: &[u8]) -> impl Iterator<Item = (&[u8], Option<u8>)> {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let found = data.windows(2).position(|pair| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7));
        let Some(at) = found else {
            done = true;
            return Some((data, None));
        };
        let (run, marker) = (&data[..at], data[at + 1]);
        data = &data[at + 2..];
        Some((run, Some(marker)))
    })
}
