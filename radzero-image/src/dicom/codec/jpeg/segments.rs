//! Reads marker segments (T.81 annex B): the frame header, tables and scan headers.

use radzero_format::Result;

use super::huffman::Table;
use crate::jpeg::markers::{after_start_of_image, cut_off, entropy_coded_length, next_segment};
use crate::refusal::damaged;

/// How a frame is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    Sequential,
    Progressive,
    Lossless,
    Other,
}

/// A frame header.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) process: Process,
    pub(super) precision: u8,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) components: Vec<Component>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    pub(super) identifier: u8,
    /// Horizontal and vertical sampling factor, a nibble each.
    pub(super) sampling: u8,
    pub(super) quantization: u8,
}

/// A scan header and the entropy-coded data that follows.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// For each component of the scan, its index in [`Frame::components`] and its table selectors.
    pub(super) components: Vec<(usize, u8)>,
    /// Predictor of a lossless scan.
    pub(super) spectral_start: u8,
    /// Point transform of a lossless scan.
    pub(super) low_bit: u8,
    /// The codestream from the entropy-coded data on.
    pub(super) data: &'a [u8],
}

/// Reads the segments of a codestream in order. Tables hold until they are redefined.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    rest: &'a [u8],
    pub(super) frame: Frame,
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    pub(super) quantization: [Option<[u16; 64]>; 4],
    pub(super) restart_interval: usize,
}

/// Reads the frame header only.
pub(super) fn frame_header(stream: &[u8]) -> Result<Frame> {
    let mut rest = after_start_of_image(stream)?;
    while let Some((marker, body, behind)) = next_segment(rest)? {
        if let Some(process) = frame_process(marker) {
            return parse_frame(process, body);
        }
        rest = behind;
    }
    Err(damaged("the JPEG codestream has no frame header"))
}

impl<'a> Segments<'a> {
    pub(super) fn new(stream: &'a [u8]) -> Result<Self> {
        Ok(Self {
            rest: after_start_of_image(stream)?,
            frame: frame_header(stream)?,
            dc: Default::default(),
            ac: Default::default(),
            quantization: Default::default(),
            restart_interval: 0,
        })
    }

    /// Reads up to the next scan; `None` at the end of image.
    pub(super) fn next_scan(&mut self) -> Result<Option<Scan<'a>>> {
        while let Some((marker, body, behind)) = next_segment(self.rest)? {
            self.rest = behind;
            match marker {
                0xC4 => self.huffman_tables(body)?,
                0xDB => self.quantization_tables(body)?,
                0xDD => {
                    let &[high, low, ..] = body else { return Err(cut_off()) };
                    self.restart_interval = u16::from_be_bytes([high, low]).into();
                }
                0xDA => return self.scan(body).map(Some),
                _ => {}
            }
        }
        Ok(None)
    }

    fn scan(&mut self, body: &[u8]) -> Result<Scan<'a>> {
        let (&count, body) = body.split_first().ok_or_else(cut_off)?;
        let (selectors, settings) = body.split_at_checked(2 * usize::from(count)).ok_or_else(cut_off)?;
        let &[spectral_start, _, approximation, ..] = settings else { return Err(cut_off()) };
        let mut components = Vec::new();
        for &[identifier, tables] in selectors.as_chunks::<2>().0 {
            let index = self.frame.components.iter().position(|component| component.identifier == identifier);
            let index = index.ok_or_else(|| damaged("a JPEG scan names an unknown component"))?;
            if components.iter().any(|&(known, _)| known == index) {
                return Err(damaged(format!(
                    "the components of a JPEG scan: at most {} expected, one of them twice found",
                    self.frame.components.len()
                )));
            }
            components.push((index, tables));
        }
        if components.is_empty() {
            return Err(damaged("a JPEG scan has no component"));
        }
        let data = self.rest;
        self.rest = &data[entropy_coded_length(data)..];
        Ok(Scan { components, spectral_start, low_bit: approximation & 15, data })
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Result<()> {
        while let Some((&selector, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(cut_off)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(total).ok_or_else(cut_off)?;
            let tables = if selector >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = tables.get_mut(usize::from(selector & 15));
            *slot.ok_or_else(|| damaged("a JPEG Huffman table has no valid number"))? =
                Some(Table::new(counts, values)?);
            body = rest;
        }
        Ok(())
    }

    fn quantization_tables(&mut self, mut body: &[u8]) -> Result<()> {
        while let Some((&selector, rest)) = body.split_first() {
            let wide = selector >> 4 != 0;
            let (bytes, rest) = rest.split_at_checked(if wide { 128 } else { 64 }).ok_or_else(cut_off)?;
            let mut table = [0; 64];
            for (index, step) in table.iter_mut().enumerate() {
                *step = if wide {
                    u16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]])
                } else {
                    bytes[index].into()
                };
            }
            let slot = self.quantization.get_mut(usize::from(selector & 15));
            *slot.ok_or_else(|| damaged("a JPEG quantization table has no valid number"))? = Some(table);
            body = rest;
        }
        Ok(())
    }
}

/// The process of a start-of-frame marker; `None` for other markers.
fn frame_process(marker: u8) -> Option<Process> {
    match marker {
        0xC0 | 0xC1 => Some(Process::Sequential),
        0xC2 => Some(Process::Progressive),
        0xC3 => Some(Process::Lossless),
        // Huffman tables, JPEG extensions and arithmetic conditioning are in the same range.
        0xC4 | 0xC8 | 0xCC => None,
        0xC5..=0xCF => Some(Process::Other),
        _ => None,
    }
}

fn parse_frame(process: Process, body: &[u8]) -> Result<Frame> {
    let &[precision, high, low, left, right, count, ref components @ ..] = body else { return Err(cut_off()) };
    if components.len() < 3 * usize::from(count) || count == 0 {
        return Err(cut_off());
    }
    let component = |&[identifier, sampling, quantization]: &[u8; 3]| Component { identifier, sampling, quantization };
    Ok(Frame {
        process,
        precision,
        rows: u16::from_be_bytes([high, low]).into(),
        columns: u16::from_be_bytes([left, right]).into(),
        components: components.as_chunks::<3>().0.iter().take(count.into()).map(component).collect(),
    })
}
