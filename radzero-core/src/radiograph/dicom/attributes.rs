//! Attribute values by type. Messages name attributes, never their values.

use dicom_core::Tag;
use dicom_core::value::PrimitiveValue;
use dicom_object::InMemDicomObject;

use super::fail;
use crate::error::Result;

/// A number; `None` where the attribute is absent or empty.
pub(super) fn number<T: TryFrom<i64>>(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<T>> {
    match object.element(tag) {
        Ok(element) if !element.value().to_str().is_ok_and(|text| text.trim().is_empty()) => {
            let value = element.to_int::<i64>().ok().and_then(|value| T::try_from(value).ok());
            value.map(Some).ok_or_else(|| fail(format!("{name} is not a number in range")))
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

/// Decimal strings; empty where absent, `None` where one is not a finite number.
pub(super) fn decimals(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    let Ok(element) = object.element(tag) else { return Some(Vec::new()) };
    let text = element.to_str().ok()?;
    let text = text.trim_matches(['\0', ' ']);
    if text.is_empty() {
        return Some(Vec::new());
    }
    let number = |part: &str| part.trim_matches(['\0', ' ']).parse::<f64>().ok().filter(|value| value.is_finite());
    text.split('\\').map(number).collect()
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
