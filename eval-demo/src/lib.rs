//! Proof of the evaluation: drawn cases, whose findings are known pixel by pixel, are laid out in the files of every
//! published data set ([`layout`]), evaluated, and held against scores that are computed from the drawings without those files
//! and without the library's metrics ([`direct`]).

pub mod classes;
pub mod dicom;
pub mod direct;
pub mod drawn;
pub mod ellipses;
mod error;
pub mod layout;

pub use crate::drawn::{Drawn, Finding};
pub use crate::error::{Error, Result};
