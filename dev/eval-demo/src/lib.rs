//! Proof of the evaluation: drawn cases, whose findings are known pixel by pixel, are written in the file formats of all
//! published data sets ([`layout`]), evaluated, and compared with scores computed directly from the drawings, without those
//! files and without the metrics of the library ([`direct`]).

#![forbid(unsafe_code)]

pub mod classes;
pub mod dicom;
pub mod direct;
pub mod drawn;
pub mod ellipses;
mod error;
pub mod layout;

pub use crate::drawn::{Drawn, Finding};
pub use crate::error::{Error, Result};
