use std::path::PathBuf;

/// Why a phantom could not be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Images of this size cannot be drawn.
    #[error("sides must be 1 to {largest} pixels, given {width} x {height}")]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
        /// The largest side.
        largest: u32,
    },
    /// The image does not consist of whole patches.
    #[error("the side must be a multiple of the patch, given {side} and {patch}")]
    Patch {
        /// The image's side.
        side: u32,
        /// The patch's side.
        patch: u32,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
