//! Parses a data set: the wanted attributes are read into an object, the pixel data is borrowed from the file.
//!
//! A value is read only if it is wanted and lies within the file, so that neither false lengths nor deep nesting cost memory.

use std::io::Cursor;

use dicom_core::header::Header as _;
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_parser::StatefulDecode;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_transfer_syntax_registry::entries::{
    EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
};
use radzero_format::{Error, Result};

use crate::dicom_signature::Encoding;
use crate::guard::catch_panic;
use crate::refusal::{damaged, too_large, unsupported};

/// Greatest length in bytes of a value that is read: twice that of a LUT of 65,536 entries of 16 bits.
const MAX_VALUE: usize = 1 << 18;

/// Greatest number of fragments of encapsulated pixel data.
const MAX_FRAGMENTS: usize = 1 << 20;

/// Greatest number of items that are kept of a sequence; only the first is used.
const MAX_ITEMS: usize = 16;

/// The attributes that are read from every image. Those within sequences are read at the first level only.
pub(super) const IMAGE_ATTRIBUTES: [Tag; 37] = [
    tags::SOP_CLASS_UID,
    tags::MODALITY,
    tags::CONVERSION_TYPE,
    tags::PRESENTATION_INTENT_TYPE,
    tags::ANATOMIC_REGION_SEQUENCE,
    tags::CODE_VALUE,
    tags::CODING_SCHEME_DESIGNATOR,
    tags::BODY_PART_EXAMINED,
    tags::VIEW_POSITION,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PLANAR_CONFIGURATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
    tags::WINDOW_CENTER,
    tags::WINDOW_WIDTH,
    tags::VOILUT_FUNCTION,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::MODALITY_LUT_SEQUENCE,
    tags::VOILUT_SEQUENCE,
    tags::LUT_DESCRIPTOR,
    tags::LUT_DATA,
    tags::PRESENTATION_LUT_SHAPE,
];

/// Pixel data, borrowed from the file or object.
pub(super) enum PixelData<'a> {
    /// Uncompressed, frame after frame.
    Bytes {
        bytes: &'a [u8],
        big_endian: bool,
        /// Whether the bytes were written as 16-bit words. In big endian words, 8-bit samples are swapped in pairs (PS3.5 section
        /// 8.1.2 and annex D).
        words: bool,
    },
    /// Uncompressed, frame after frame, as 16-bit words in native byte order.
    Words(&'a [u16]),
    /// Compressed: the basic offset table and the fragments.
    Fragments { offsets: Vec<u32>, fragments: Vec<&'a [u8]> },
}

impl<'a> PixelData<'a> {
    /// The pixel data of a parsed object; `None` if it has none.
    pub(super) fn of_object(object: &'a InMemDicomObject) -> Result<Option<Self>> {
        if [tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA].into_iter().any(|tag| object.element(tag).is_ok()) {
            return Err(floating_point());
        }
        let Ok(element) = object.element(tags::PIXEL_DATA) else { return Ok(None) };
        Ok(Some(match element.value() {
            Value::Primitive(PrimitiveValue::U16(words)) => Self::Words(words),
            Value::Primitive(PrimitiveValue::U8(bytes)) => Self::Bytes { bytes, big_endian: false, words: false },
            Value::PixelSequence(sequence) => Self::Fragments {
                offsets: sequence.offset_table().to_vec(),
                fragments: sequence.fragments().iter().map(Vec::as_slice).collect(),
            },
            _ => return Err(damaged("the pixel data is neither bytes, words nor fragments")),
        }))
    }
}

fn floating_point() -> Error {
    unsupported("floating point pixel data is not supported")
}

/// The attributes, and the pixel data if there is any.
type DataSet<'a> = (InMemDicomObject, Option<PixelData<'a>>);

const DAMAGED: &str = "the DICOM file is damaged: its data set cannot be parsed";

fn broken() -> Error {
    // The parser's message may quote attribute values, so it is not passed on.
    damaged(DAMAGED)
}

/// Reads the `wanted` attributes of a data set and finds its pixel data. Text is decoded by the Specific Character Set only if
/// that attribute is wanted.
pub(super) fn read<'a>(data: &'a [u8], encoding: Encoding, wanted: &[Tag]) -> Result<DataSet<'a>> {
    catch_panic(DAMAGED, || parse(data, encoding, wanted))
}

fn parse<'a>(data: &'a [u8], encoding: Encoding, wanted: &[Tag]) -> Result<DataSet<'a>> {
    let syntax = match encoding {
        Encoding::ImplicitLittle => IMPLICIT_VR_LITTLE_ENDIAN.erased(),
        Encoding::ExplicitLittle => EXPLICIT_VR_LITTLE_ENDIAN.erased(),
        Encoding::ExplicitBig => EXPLICIT_VR_BIG_ENDIAN.erased(),
    };
    let mut reader = LazyDataSetReader::new_with_ts(Cursor::new(data), &syntax).map_err(|_| broken())?;
    let mut object = InMemDicomObject::new_empty();
    // The number of open sequences, and the outermost one with its items so far, if it is wanted.
    let mut depth = 0_usize;
    let mut sequence: Option<(Tag, Vec<InMemDicomObject>)> = None;
    while let Some(token) = reader.advance() {
        match token.map_err(|_| broken())? {
            LazyDataToken::SequenceStart { tag, .. } => {
                depth += 1;
                if depth == 1 && wanted.contains(&tag) {
                    sequence = Some((tag, Vec::new()));
                }
            }
            LazyDataToken::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some((tag, items)) = sequence.take()
                {
                    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
                }
            }
            LazyDataToken::ItemStart { .. } => {
                if depth == 1
                    && let Some((_, items)) = &mut sequence
                    && items.len() < MAX_ITEMS
                {
                    items.push(InMemDicomObject::new_empty());
                }
            }
            LazyDataToken::LazyValue { header, decoder } => {
                let start = usize::try_from(decoder.position()).unwrap_or(usize::MAX);
                let length = header.len.get().map_or(usize::MAX, |length| length as usize);
                let value = start.checked_add(length).and_then(|end| data.get(start..end));
                if depth == 0 && [tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA].contains(&header.tag()) {
                    return Err(floating_point());
                }
                if depth == 0 && header.tag() == tags::PIXEL_DATA {
                    // If it is cut off, what is there: it is compared with the needed length later.
                    let bytes = value.or_else(|| data.get(start..)).unwrap_or_default();
                    let big_endian = encoding == Encoding::ExplicitBig;
                    return Ok((object, Some(PixelData::Bytes { bytes, big_endian, words: header.vr() != VR::OB })));
                }
                let target = match (depth, &mut sequence) {
                    (0, _) => Some(&mut object),
                    (1, Some((_, items))) => items.last_mut(),
                    _ => None,
                };
                let Some(bytes) = value else { return Err(broken()) };
                match target {
                    Some(target) if wanted.contains(&header.tag()) && bytes.len() <= MAX_VALUE => {
                        let value = decoder.read_value_preserved(&header).map_err(|_| broken())?;
                        let vr = written_vr(&data[..start], encoding, header.vr());
                        target.put(DataElement::new(header.tag(), vr, value));
                    }
                    _ => decoder.skip_bytes(header.len.0).map_err(|_| broken())?,
                }
            }
            LazyDataToken::PixelSequenceStart if depth == 0 => {
                let pixels = fragments(&mut reader, data)?;
                return Ok((object, Some(pixels)));
            }
            LazyDataToken::PixelSequenceStart => depth += 1,
            token @ LazyDataToken::LazyItemValue { .. } => token.skip().map_err(|_| broken())?,
            _ => {}
        }
    }
    Ok((object, None))
}

/// The value representation as written in the file. If pixels are signed, the parser reports SS for every attribute that may be
/// US or SS.
fn written_vr(before: &[u8], encoding: Encoding, vr: VR) -> VR {
    let written = encoding != Encoding::ImplicitLittle && matches!(before, [.., b'S', b'S', _, _]);
    if vr == VR::SS && !written { VR::US } else { vr }
}

/// Reads encapsulated pixel data (PS3.5 section A.4): the basic offset table, then the fragments.
fn fragments<'a, D: StatefulDecode>(reader: &mut LazyDataSetReader<D>, data: &'a [u8]) -> Result<PixelData<'a>> {
    let mut items: Vec<&[u8]> = Vec::new();
    while let Some(token) = reader.advance() {
        // Without a delimiter at the end of the file, what came before may still be the whole image.
        let Ok(token) = token else { break };
        match token {
            LazyDataToken::ItemStart { .. } if items.len() > MAX_FRAGMENTS => {
                return Err(too_large(format!("at most {MAX_FRAGMENTS} fragments of pixel data expected, more found")));
            }
            LazyDataToken::ItemStart { .. } => items.push(&[]),
            LazyDataToken::LazyItemValue { len, decoder } => {
                let start = usize::try_from(decoder.position()).unwrap_or(usize::MAX);
                let rest = data.get(start..).unwrap_or_default();
                if let Some(item) = items.last_mut() {
                    *item = &rest[..rest.len().min(len as usize)];
                }
                decoder.skip_bytes(len).map_err(|_| broken())?;
            }
            LazyDataToken::SequenceEnd => break,
            _ => {}
        }
    }
    let mut items = items.into_iter();
    let offsets = items.next().unwrap_or_default().as_chunks::<4>().0;
    Ok(PixelData::Fragments {
        offsets: offsets.iter().map(|&offset| u32::from_le_bytes(offset)).collect(),
        fragments: items.collect(),
    })
}
