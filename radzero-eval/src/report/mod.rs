//! Reports: the result as data ([`result`]), as tables ([`markdown`]), next to another result ([`compare`]), as a page ([`html`])
//! with diagrams ([`svg`]); and the published numbers to compare with ([`published`]).

pub mod compare;
pub mod html;
pub mod markdown;
pub mod published;
pub mod result;
pub mod svg;
