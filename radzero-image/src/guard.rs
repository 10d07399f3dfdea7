//! Protection against damaged and hostile files: limits on size and memory, and panics turned into errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use radzero_format::Result;
use radzero_format::reading::{MAX_PIXELS, MAX_SIDE};

use crate::refusal::{blank, damaged, too_large};

/// Most bytes that may be allocated at once to read one image, apart from its file: what a 16-bit gray image of [`MAX_PIXELS`]
/// takes. Images that need more bytes per pixel may have fewer pixels, so that reading any file stays within 1 GiB.
pub(crate) const MAX_BYTES: u64 = 5 * MAX_PIXELS as u64;

/// Checks an image's size.
///
/// # Errors
/// If it is empty, longer than [`MAX_SIDE`] on a side, or larger than [`MAX_PIXELS`].
pub(crate) fn check_size(width: usize, height: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(blank(format!("the image is empty: {width} x {height} pixels")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(too_large(format!(
            "the image is too large: at most {MAX_SIDE} pixels a side and {MAX_PIXELS} in all expected, {width} x {height} found"
        )));
    }
    Ok(())
}

/// Checks the memory that an image will take, before any is allocated.
///
/// # Errors
/// If `pixels` times `bytes_per_pixel`, all buffers from decoder to levels included, exceeds [`MAX_BYTES`].
pub(crate) fn check_memory(pixels: usize, bytes_per_pixel: usize) -> Result<()> {
    check_bytes((pixels as u64).saturating_mul(bytes_per_pixel as u64))
}

/// As [`check_memory`], for a total in bytes.
///
/// # Errors
/// If it exceeds [`MAX_BYTES`].
pub(crate) fn check_bytes(needed: u64) -> Result<()> {
    if needed <= MAX_BYTES {
        return Ok(());
    }
    Err(too_large(format!(
        "the image is too large: at most {MAX_BYTES} bytes of memory expected for its decoding, {needed} found"
    )))
}

/// Checks that compressed data is long enough for the image it claims to hold, whatever the content.
///
/// # Errors
/// If `found` is less than `least` bytes.
pub(crate) fn check_length(least: usize, found: usize) -> Result<()> {
    if found >= least {
        return Ok(());
    }
    Err(damaged(format!(
        "the compressed image is cut off: at least {least} bytes expected for its size, {found} found"
    )))
}

/// Runs `step`, and turns a panic in it into an error. For decoders, ours included: nothing that a panic leaves half done may be
/// used afterwards.
///
/// # Errors
/// Those of `step`; [`damaged`] with `message` after a panic.
pub(crate) fn catch_panic<T>(message: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| Err(damaged(message)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use radzero_format::ErrorKind;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = catch_panic::<()>("gave up", || panic!("index out of bounds")).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::DamagedImage, "gave up"));
        assert_eq!(catch_panic("gave up", || Ok(3)).unwrap(), 3);
    }

    #[test]
    fn limits_say_what_was_expected_and_found() {
        assert!(check_memory(MAX_PIXELS, 5).is_ok());
        let error = check_memory(MAX_PIXELS, 6).unwrap_err();
        assert!(error.to_string().contains("at most 671088640 bytes of memory"), "{error}");
        assert!(error.to_string().contains("805306368 found"), "{error}");
        assert!(check_length(8, 8).is_ok());
        assert!(
            check_length(8, 7).unwrap_err().to_string().contains("at least 8 bytes expected for its size, 7 found")
        );
    }
}
