//! Reads attribute values by type. Messages name attributes, never their values.

use dicom_core::Tag;
use dicom_core::value::PrimitiveValue;
use dicom_object::InMemDicomObject;
use radzero_format::Result;

use crate::refusal::damaged;

/// An integer; `None` if the attribute is absent or empty.
///
/// # Errors
/// If it is not an integer in the range of `T`. `name` stands for the attribute in the message.
pub(super) fn integer<T: TryFrom<i64>>(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<T>> {
    match object.element(tag) {
        Ok(element) if !element.value().to_str().is_ok_and(|text| text.trim().is_empty()) => {
            let value = element.to_int::<i64>().ok().and_then(|value| T::try_from(value).ok());
            value.map(Some).ok_or_else(|| damaged(format!("{name} is not a number in range")))
        }
        _ => Ok(None),
    }
}

/// The first text value (a code string or UID) without padding; `None` if it is absent or empty.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.element(tag).ok()?.to_str().ok()?;
    let first = value.split('\\').next().unwrap_or_default().trim_matches(['\0', ' ']);
    (!first.is_empty()).then(|| first.to_owned())
}

/// All text values of an attribute, without padding.
pub(super) fn text_values(object: &InMemDicomObject, tag: Tag) -> Vec<String> {
    let text = object.element(tag).ok().and_then(|element| element.to_str().ok()).unwrap_or_default();
    text.split('\\').map(|value| value.trim_matches(['\0', ' ']).to_owned()).collect()
}

/// The first value of an attribute of decimal strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decimal {
    Absent,
    /// Not a finite number.
    Invalid,
    Value(f64),
}

impl Decimal {
    /// The number, or `default` if it is absent; `None` if it is invalid.
    pub(super) fn or(self, default: f64) -> Option<f64> {
        match self {
            Self::Absent => Some(default),
            Self::Invalid => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The first decimal string. Any others are ignored, even if invalid.
pub(super) fn decimal(object: &InMemDicomObject, tag: Tag) -> Decimal {
    let Ok(element) = object.element(tag) else { return Decimal::Absent };
    let Ok(text) = element.to_str() else { return Decimal::Invalid };
    let text = text.trim_matches(['\0', ' ']);
    if text.is_empty() {
        return Decimal::Absent;
    }
    let first = text.split('\\').next().unwrap_or_default().trim_matches(['\0', ' ']);
    let value = first.parse().ok().filter(|value: &f64| value.is_finite());
    value.map_or(Decimal::Invalid, Decimal::Value)
}

/// The number of non-empty values of an attribute.
pub(super) fn count_values(object: &InMemDicomObject, tag: Tag) -> usize {
    let text = object.element(tag).ok().and_then(|element| element.to_str().ok()).unwrap_or_default();
    text.split('\\').filter(|value| !value.trim_matches(['\0', ' ']).is_empty()).count()
}

/// The items of a sequence; none if it is absent.
pub(super) fn sequence_items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).ok().and_then(|element| element.items()).unwrap_or_default()
}

/// The 16-bit values of an attribute of any of the representations US, SS, OW, OB and UN; bytes are little endian.
pub(super) fn u16_values(object: &InMemDicomObject, tag: Tag) -> Option<Vec<u16>> {
    Some(match object.element(tag).ok()?.value().primitive()? {
        PrimitiveValue::U16(words) => words.to_vec(),
        PrimitiveValue::I16(words) => words.iter().map(|&word| word as u16).collect(),
        PrimitiveValue::U8(bytes) => bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect(),
        _ => return None,
    })
}
