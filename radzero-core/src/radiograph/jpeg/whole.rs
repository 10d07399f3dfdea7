//! A codestream made so that the decoder cannot take a part of a picture for the whole.
//!
//! `zune-jpeg` reads zeros where data ends at a marker, which gives gray or smeared blocks and no error. So every run of
//! entropy-coded data gets 1-bits behind it: no Huffman code begins with 16 of them, and a decoder that needs more data than
//! there is fails on them in strict mode. Those that fill up the last byte are 1-bits anyway (section F.1.2.3). Not found is
//! what no code shows: other values in the right places, and a cut within the lowest bit of DC of a progressive frame.

use radzero_format::Result;

use super::markers::{cut, entropy_coded, segment, start};
use super::size;
use crate::radiograph::refusal::damaged;

/// 64 stuffed 1-bits: more than the extra bits of one coefficient, and a code.
const ONES: [u8; 16] = [0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0];

/// The same picture as `stream`, without what does not belong to it: bytes between segments, and all after its end.
///
/// # Errors
/// If there is no end of image, or a restart is missing.
pub(super) fn whole(stream: &[u8]) -> Result<Vec<u8>> {
    let mut rest = start(stream)?;
    let mut copy = Vec::with_capacity(stream.len() + stream.len() / 8);
    copy.extend([0xFF, 0xD8]);
    let mut frame = Frame::default();
    // The rest is walked to its end even when nothing more is taken from it: an end of image must be there.
    while let Some((marker, body, behind)) = segment(rest)? {
        rest = behind;
        let data = if marker == 0xDA { &rest[..entropy_coded(rest)] } else { &[] };
        rest = &rest[data.len()..];
        if frame.complete() {
            continue;
        }
        copy.extend([0xFF, marker]);
        // A segment's length counts its own two bytes, and was read from two bytes.
        copy.extend((body.len() as u16 + 2).to_be_bytes());
        copy.extend(body);
        match marker {
            0xC0..=0xC2 => {
                size::check(body, marker == 0xC2, stream.len())?;
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

/// What the scans seen so far say of the frame.
#[derive(Default)]
struct Frame {
    progressive: bool,
    restarts: bool,
    components: usize,
    /// Components that a scan of a sequential frame has brought.
    seen: Vec<u8>,
    scans: usize,
}

impl Frame {
    fn begin(&mut self, progressive: bool, body: &[u8]) -> Result<()> {
        self.progressive = progressive;
        self.components = body.get(5).copied().ok_or_else(cut)?.into();
        Ok(())
    }

    /// A sequential frame ends with the scan of its last component. A marker that follows instead of the end of image is
    /// damage within that scan, or of no account.
    fn complete(&self) -> bool {
        !self.progressive && self.components > 0 && self.seen.len() >= self.components
    }

    fn scan(&mut self, body: &[u8]) -> Result<()> {
        let (&count, body) = body.split_first().ok_or_else(cut)?;
        let selectors = body.get(..2 * usize::from(count)).ok_or_else(cut)?;
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
                // Elsewhere the decoder must meet the next marker right behind the data.
                copy.extend(ONES);
            }
        }
        Ok(())
    }
}

/// The data between restarts, each with the marker behind it.
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
