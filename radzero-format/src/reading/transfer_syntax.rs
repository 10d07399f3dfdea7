//! The transfer syntaxes that are known by name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// How a DICOM data set and its pixel data are encoded (PS3.5 section 10 and annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferSyntax {
    /// Implicit VR Little Endian.
    ImplicitLittleEndian,
    /// Explicit VR Little Endian.
    ExplicitLittleEndian,
    /// Explicit VR Big Endian, retired.
    ExplicitBigEndian,
    /// Deflated Explicit VR Little Endian.
    DeflatedLittleEndian,
    /// RLE Lossless.
    Rle,
    /// JPEG Baseline (process 1), 8 bits.
    JpegBaseline,
    /// JPEG Extended (processes 2 and 4), 8 or 12 bits.
    JpegExtended,
    /// JPEG Lossless (process 14).
    JpegLossless,
    /// JPEG Lossless, first-order prediction (process 14, selection value 1).
    JpegLosslessFirstOrder,
    /// JPEG-LS Lossless.
    JpegLs,
    /// JPEG-LS Lossy (near-lossless).
    JpegLsNearLossless,
    /// JPEG 2000, lossless only.
    Jpeg2000Lossless,
    /// JPEG 2000.
    Jpeg2000,
}

impl TransferSyntax {
    /// Every known transfer syntax with its UID and name.
    const ALL: [(Self, &'static str, &'static str); 13] = [
        (Self::ImplicitLittleEndian, "1.2.840.10008.1.2", "Implicit VR Little Endian"),
        (Self::ExplicitLittleEndian, "1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
        (Self::ExplicitBigEndian, "1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
        (Self::DeflatedLittleEndian, "1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
        (Self::Rle, "1.2.840.10008.1.2.5", "RLE Lossless"),
        (Self::JpegBaseline, "1.2.840.10008.1.2.4.50", "JPEG Baseline"),
        (Self::JpegExtended, "1.2.840.10008.1.2.4.51", "JPEG Extended"),
        (Self::JpegLossless, "1.2.840.10008.1.2.4.57", "JPEG Lossless"),
        (Self::JpegLosslessFirstOrder, "1.2.840.10008.1.2.4.70", "JPEG Lossless, First-Order Prediction"),
        (Self::JpegLs, "1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
        (Self::JpegLsNearLossless, "1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless"),
        (Self::Jpeg2000Lossless, "1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
        (Self::Jpeg2000, "1.2.840.10008.1.2.4.91", "JPEG 2000"),
    ];

    /// The transfer syntax with this UID, if it is known. Padding is ignored.
    #[must_use]
    pub fn from_uid(uid: &str) -> Option<Self> {
        let uid = uid.trim_end_matches(['\0', ' ']);
        Self::ALL.iter().find(|(_, known, _)| *known == uid).map(|&(syntax, ..)| syntax)
    }

    /// Whether its pixel data is compressed, and encapsulated in fragments (PS3.5 section A.4).
    #[must_use]
    pub fn is_compressed(self) -> bool {
        !matches!(
            self,
            Self::ImplicitLittleEndian
                | Self::ExplicitLittleEndian
                | Self::ExplicitBigEndian
                | Self::DeflatedLittleEndian
        )
    }

    /// Its UID.
    #[must_use]
    pub fn uid(self) -> &'static str {
        self.entry().1
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> (Self, &'static str, &'static str) {
        Self::ALL.into_iter().find(|&(syntax, ..)| syntax == self).unwrap_or((self, "", ""))
    }
}

impl fmt::Display for TransferSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.uid())
    }
}

impl Serialize for TransferSyntax {
    /// The UID.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.uid())
    }
}

impl<'de> Deserialize<'de> for TransferSyntax {
    /// The UID.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let uid = String::deserialize(deserializer)?;
        Self::from_uid(&uid).ok_or_else(|| serde::de::Error::custom("the UID of a known transfer syntax expected"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for TransferSyntax {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TransferSyntax".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let uids = Self::ALL.map(|(_, uid, _)| uid);
        schemars::json_schema!({
            "description": "How a DICOM data set and its pixel data are encoded: the transfer syntax's UID.",
            "type": "string",
            "enum": uids
        })
    }
}
