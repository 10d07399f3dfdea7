//! Files come from anywhere: whatever is in them ends neither the process nor its memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use radzero_format::Result;

use super::refusal::{damaged, too_large};

/// Most bytes that reading one picture may hold at once, beside its file: what 16-bit gray of
/// [`MAX_PIXELS`](super::MAX_PIXELS) takes. Decoders that need more for a pixel are given fewer pixels, so that every file
/// stays within 1 GiB.
pub(super) const MOST_BYTES: u64 = 5 * super::MAX_PIXELS as u64;

/// Refuses a picture before the first byte is allocated for it.
///
/// # Errors
/// If `pixels` that take `each` bytes, from decoder to levels, are more than [`MOST_BYTES`].
pub(super) fn check_memory(pixels: usize, each: usize) -> Result<()> {
    check_bytes((pixels as u64).saturating_mul(each as u64))
}

/// As [`check_memory`], for bytes already counted.
///
/// # Errors
/// If they are more than [`MOST_BYTES`].
pub(super) fn check_bytes(needed: u64) -> Result<()> {
    if needed <= MOST_BYTES {
        return Ok(());
    }
    Err(too_large(format!(
        "the image is too large: at most {MOST_BYTES} bytes of memory expected for its decoding, {needed} found"
    )))
}

/// Refuses compressed data that cannot hold the picture it claims, whatever its content.
///
/// # Errors
/// If fewer than `least` bytes are there.
pub(super) fn check_length(least: usize, found: usize) -> Result<()> {
    if found >= least {
        return Ok(());
    }
    Err(damaged(format!(
        "the compressed image is cut off: at least {least} bytes expected for its size, {found} found"
    )))
}

/// Runs a step that may panic, in a decoder of another crate or in ours. Nothing it could leave half done is used afterwards.
///
/// # Errors
/// Its own; `gave_up` after a panic.
pub(super) fn guarded<T>(gave_up: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| Err(damaged(gave_up)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use radzero_format::ErrorKind;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = guarded::<()>("gave up", || panic!("index out of bounds")).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::DamagedImage, "gave up"));
        assert_eq!(guarded("gave up", || Ok(3)).unwrap(), 3);
    }

    #[test]
    fn limits_say_what_was_expected_and_found() {
        assert!(check_memory(super::super::MAX_PIXELS, 5).is_ok());
        let error = check_memory(super::super::MAX_PIXELS, 6).unwrap_err();
        assert!(error.to_string().contains("at most 671088640 bytes of memory"), "{error}");
        assert!(error.to_string().contains("805306368 found"), "{error}");
        assert!(check_length(8, 8).is_ok());
        assert!(
            check_length(8, 7).unwrap_err().to_string().contains("at least 8 bytes expected for its size, 7 found")
        );
    }
}
