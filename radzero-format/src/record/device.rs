//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Where a model runs. The one asked for is the one that runs: there is no fallback to another.
///
/// Parses from and prints as `cpu`, `openvino`, `openvino:bf16`, `cuda`, `cuda:1`, `tensorrt`, `tensorrt:1`; without a
/// number, device 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Device {
    /// The CPU: the project's own kernels where the processor has vectors for them, ONNX Runtime's for the rest.
    #[default]
    Cpu,
    /// OpenVINO on the CPU, in 32-bit floating point.
    OpenVino,
    /// OpenVINO on the CPU, products of the image graph in bfloat16 where the processor has it: about twice as fast, 0.8 % off.
    /// The text graph runs on [`Device::OpenVino`]: in bfloat16, OpenVINO 2025.4 gives values for it that are not finite.
    OpenVinoBf16,
    /// An NVIDIA GPU, by CUDA device ordinal.
    Cuda(u16),
    /// An NVIDIA GPU through TensorRT, by CUDA device ordinal. `NVIDIA_TF32_OVERRIDE=0` must be in the environment: without it
    /// TensorRT rounds the factors of 32-bit products to TensorFloat-32.
    TensorRt(u16),
}

impl Device {
    /// ONNX Runtime's name of the execution provider.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::OpenVino | Self::OpenVinoBf16 => "OpenVINOExecutionProvider",
            Self::Cuda(_) => "CUDAExecutionProvider",
            Self::TensorRt(_) => "TensorrtExecutionProvider",
        }
    }

    /// Whether it is a GPU.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda(_) | Self::TensorRt(_))
    }

    /// The device that runs the text graph of a model on this one: the same, in 32-bit floating point where the precision is the
    /// device's.
    #[must_use]
    pub fn for_text(self) -> Self {
        match self {
            Self::OpenVinoBf16 => Self::OpenVino,
            other => other,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::OpenVino => f.write_str("openvino"),
            Self::OpenVinoBf16 => f.write_str("openvino:bf16"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(id) => write!(f, "cuda:{id}"),
            Self::TensorRt(0) => f.write_str("tensorrt"),
            Self::TensorRt(id) => write!(f, "tensorrt:{id}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || {
            Error::new(
                ErrorKind::Argument,
                format!(
                    "device {text:?} is none of cpu, openvino, openvino:bf16, cuda, cuda:N, tensorrt, tensorrt:N (N from 0 to {})",
                    u16::MAX
                ),
            )
        };
        if text == "openvino:bf16" {
            return Ok(Self::OpenVinoBf16);
        }
        let (name, id) = match text.split_once(':') {
            None => (text, None),
            Some((name, id)) => {
                // `parse` alone would take "+1" and "01".
                let number: u16 = id.parse().map_err(|_| unknown())?;
                if number.to_string() != id {
                    return Err(unknown());
                }
                (name, Some(number))
            }
        };
        match (name, id) {
            ("cpu", None) => Ok(Self::Cpu),
            ("openvino", None) => Ok(Self::OpenVino),
            ("cuda", id) => Ok(Self::Cuda(id.unwrap_or(0))),
            ("tensorrt", id) => Ok(Self::TensorRt(id.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Device {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Device".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Where a graph ran.",
            "type": "string",
            "pattern": "^(cpu|openvino(:bf16)?|(cuda|tensorrt)(:[1-9][0-9]*)?)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCELERATORS: [Device; 6] = [
        Device::OpenVino,
        Device::OpenVinoBf16,
        Device::Cuda(0),
        Device::Cuda(3),
        Device::TensorRt(0),
        Device::TensorRt(7),
    ];

    #[test]
    fn devices_round_trip() {
        for device in ACCELERATORS.into_iter().chain([Device::Cpu, Device::TensorRt(65535)]) {
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
            let json = serde_json::to_string(&device).unwrap();
            assert_eq!(json, format!("\"{device}\""));
            assert_eq!(serde_json::from_str::<Device>(&json).unwrap(), device);
        }
        assert_eq!("cuda:0".parse::<Device>().unwrap(), Device::Cuda(0));
    }

    #[test]
    fn text_is_never_encoded_in_bfloat16() {
        assert_eq!(Device::OpenVinoBf16.for_text(), Device::OpenVino);
        for device in [Device::Cpu, Device::OpenVino, Device::Cuda(3), Device::TensorRt(1)] {
            assert_eq!(device.for_text(), device);
        }
    }

    #[test]
    fn devices_parse_strictly() {
        for text in [
            "",
            "CPU",
            "cpu:0",
            "gpu",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:01",
            "cuda:65536",
            "cuda :1",
            "tensorrt:1:2",
            " cpu",
            "openvino:0",
            "openvino:fp32",
            "cuda:bf16",
        ] {
            let error = text.parse::<Device>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument, "{text:?}");
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
