//! Output files and text.

pub(crate) mod files;
pub(crate) mod json;
pub(crate) mod npy;
pub(crate) mod slug;
pub(crate) mod table;
