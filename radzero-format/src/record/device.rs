//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Where a model runs. There is no fallback to another device.
///
/// Parses from and prints as `cpu`, `openvino`, `openvino:bf16`, `cuda`, `cuda:1`, `tensorrt`, `tensorrt:1`. Without a number it
/// is device 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Device {
    /// The CPU: the project's own kernels if the processor has the vector instructions, ONNX Runtime's for the rest.
    #[default]
    Cpu,
    /// OpenVINO on the CPU, in 32-bit floating point.
    OpenVino,
    /// OpenVINO on the CPU, with matrix products of the image graph in bfloat16 if the processor has it: about twice as fast,
    /// 0.8 % off. The text graph runs on [`Device::OpenVino`]: in bfloat16, OpenVINO 2025.4 returns values that are not finite.
    OpenVinoBf16,
    /// An NVIDIA GPU, by CUDA device ordinal.
    Cuda(u16),
    /// An NVIDIA GPU through TensorRT, by CUDA device ordinal. `NVIDIA_TF32_OVERRIDE=0` must be in the environment, otherwise
    /// TensorRT rounds the operands of 32-bit matrix products to TensorFloat-32.
    TensorRt(u16),
}

/// A GPU among others of its kind.
struct Gpu {
    number: u16,
    /// The device of this kind with another number.
    with: fn(u16) -> Device,
}

/// What a device is called, and which options it takes.
struct Definition {
    /// As it parses and prints, without a number.
    name: &'static str,
    /// ONNX Runtime's name of the execution provider.
    provider: &'static str,
    gpu: Option<Gpu>,
    /// The device for the text graph.
    text: Device,
    memory_limit: bool,
    engine_cache: bool,
}

impl Device {
    /// One device of each kind; of GPUs, the first.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::OpenVino, Self::OpenVinoBf16, Self::Cuda(0), Self::TensorRt(0)];

    /// The one place where a kind of device is defined. How its execution provider is registered is up to `radzero-core`
    /// (`runtime/providers`).
    fn definition(self) -> Definition {
        let plain = |name, provider| Definition {
            name,
            provider,
            gpu: None,
            text: self,
            memory_limit: false,
            engine_cache: false,
        };
        match self {
            Self::Cpu => plain("cpu", "CPUExecutionProvider"),
            Self::OpenVino => plain("openvino", "OpenVINOExecutionProvider"),
            // The precision is the image graph's: text stays in 32-bit floating point.
            Self::OpenVinoBf16 => {
                Definition { text: Self::OpenVino, ..plain("openvino:bf16", "OpenVINOExecutionProvider") }
            }
            Self::Cuda(id) => Definition {
                gpu: Some(Gpu { number: id, with: Self::Cuda }),
                memory_limit: true,
                ..plain("cuda", "CUDAExecutionProvider")
            },
            Self::TensorRt(id) => Definition {
                gpu: Some(Gpu { number: id, with: Self::TensorRt }),
                memory_limit: true,
                engine_cache: true,
                ..plain("tensorrt", "TensorrtExecutionProvider")
            },
        }
    }

    /// ONNX Runtime's name of the execution provider.
    #[must_use]
    pub fn provider(self) -> &'static str {
        self.definition().provider
    }

    /// Whether it is a GPU.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        self.definition().gpu.is_some()
    }

    /// Whether a limit of device memory has an effect on it.
    #[must_use]
    pub fn takes_memory_limit(self) -> bool {
        self.definition().memory_limit
    }

    /// Whether it builds engines that can be kept.
    #[must_use]
    pub fn takes_engine_cache(self) -> bool {
        self.definition().engine_cache
    }

    /// The device that runs the text graph of a model on this device: the same, except that bfloat16 becomes 32-bit.
    #[must_use]
    pub fn for_text(self) -> Self {
        self.definition().text
    }

    /// Everything that it parses from, with N for the number of a GPU: `cpu, openvino, ..., tensorrt, tensorrt:N`.
    #[must_use]
    pub fn forms() -> String {
        let forms = Self::ALL.map(|device| match device.definition() {
            Definition { name, gpu: Some(_), .. } => format!("{name}, {name}:N"),
            Definition { name, .. } => name.to_owned(),
        });
        forms.join(", ")
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Definition { name, gpu: Some(Gpu { number: number @ 1.., .. }), .. } => write!(f, "{name}:{number}"),
            Definition { name, .. } => f.write_str(name),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // `parse` alone would accept "+1" and "01".
        let number = |id: &str| id.parse::<u16>().ok().filter(|number| number.to_string() == id);
        let parsed = Self::ALL.into_iter().find_map(|device| {
            let Definition { name, gpu, .. } = device.definition();
            let rest = text.strip_prefix(name)?;
            match (rest.strip_prefix(':'), gpu) {
                _ if rest.is_empty() => Some(device),
                (Some(id), Some(gpu)) => number(id).map(gpu.with),
                _ => None,
            }
        });
        parsed.ok_or_else(|| {
            let message = format!("device {text:?} is none of {} (N from 0 to {})", Self::forms(), u16::MAX);
            Error::new(ErrorKind::Argument, message)
        })
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
        let forms = Self::ALL.map(|device| match device.definition() {
            Definition { name, gpu: Some(_), .. } => format!("{name}(:[1-9][0-9]*)?"),
            Definition { name, .. } => name.to_owned(),
        });
        let pattern = format!("^({})$", forms.join("|"));
        schemars::json_schema!({
            "description": "Where a graph ran.",
            "type": "string",
            "pattern": pattern
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
