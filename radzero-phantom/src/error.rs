use std::path::PathBuf;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image of this size cannot be drawn.
    #[error("sides must be 1 to {largest} pixels, given {width} x {height}")]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
        /// The largest side.
        largest: u32,
    },
    /// An image cannot be cut into patches.
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
