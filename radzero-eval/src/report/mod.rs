//! What is written down: the result as data ([`result`]), as a table ([`markdown`]), beside another ([`compare`]), with diagrams
//! ([`svg`]) as a page ([`html`]); and the published numbers to hold it against ([`published`]).

pub mod compare;
pub mod html;
pub mod markdown;
pub mod published;
pub mod result;
pub mod svg;
