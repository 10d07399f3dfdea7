//! Attribute values by type. Messages name attributes, never their values.

use dicom_core::Tag;
use dicom_core::value::PrimitiveValue;
use dicom_object::InMemDicomObject;
use radzero_format::Result;

use crate::radiograph::refusal::damaged;

/// A number; `None` where the attribute is absent or empty.
pub(super) fn number<T: TryFrom<i64>>(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<T>> {
    match object.element(tag) {
        Ok(element) if !element.value().to_str().is_ok_and(|text| text.trim().is_empty()) => {
            let value = element.to_int::<i64>().ok().and_then(|value| T::try_from(value).ok());
            value.map(Some).ok_or_else(|| damaged(format!("{name} is not a number in range")))
        }
        _ => Ok(None),
    }
}

/// A code string (the first, of several) without padding; `None` where it is absent or empty.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.element(tag).ok()?.to_str().ok()?;
    let first = value.split('\\').next().unwrap_or_default().trim_matches(['\0', ' ']);
    (!first.is_empty()).then(|| first.to_owned())
}

/// All values of an attribute of text, without padding.
pub(super) fn values(object: &InMemDicomObject, tag: Tag) -> Vec<String> {
    let text = object.element(tag).ok().and_then(|element| element.to_str().ok()).unwrap_or_default();
    text.split('\\').map(|value| value.trim_matches(['\0', ' ']).to_owned()).collect()
}

/// The first of an attribute's decimal strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decimal {
    Absent,
    /// Not a finite number.
    Invalid,
    Value(f64),
}

impl Decimal {
    /// The number, `default` where it is absent.
    pub(super) fn or(self, default: f64) -> Option<f64> {
        match self {
            Self::Absent => Some(default),
            Self::Invalid => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The first decimal string; the others do not matter, whatever they are.
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

/// How many values of an attribute are not empty.
pub(super) fn count(object: &InMemDicomObject, tag: Tag) -> usize {
    let text = object.element(tag).ok().and_then(|element| element.to_str().ok()).unwrap_or_default();
    text.split('\\').filter(|value| !value.trim_matches(['\0', ' ']).is_empty()).count()
}

/// The items of a sequence.
pub(super) fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).ok().and_then(|element| element.items()).unwrap_or_default()
}

/// 16-bit words of an attribute that may be written as US, SS, OW, OB or UN; bytes are little endian.
pub(super) fn words(object: &InMemDicomObject, tag: Tag) -> Option<Vec<u16>> {
    Some(match object.element(tag).ok()?.value().primitive()? {
        PrimitiveValue::U16(words) => words.to_vec(),
        PrimitiveValue::I16(words) => words.iter().map(|&word| word as u16).collect(),
        PrimitiveValue::U8(bytes) => bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect(),
        _ => return None,
    })
}
