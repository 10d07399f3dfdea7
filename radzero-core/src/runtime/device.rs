//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::manifest::{Precision, Target};

/// Where a model runs. The one asked for is the one that runs: there is no fallback to another.
///
/// Parses from and prints as `cpu`, `openvino`, `openvino:bf16`, `cuda`, `cuda:1`, `tensorrt`, `tensorrt:1`; without a
/// number, device 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
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

    pub(crate) fn is_gpu(self) -> bool {
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

    /// Refuses graphs that the provider cannot run, or runs badly: better to be told than to wait.
    pub(crate) fn check(self, precision: Precision, target: Target) -> Result<(), Error> {
        let needs = |how: &str| {
            let message =
                format!("{self} needs a model exported with {how}; this one is {precision} for target {target}");
            Err(Error::new(ErrorKind::Provider, message))
        };
        match (self, precision, target) {
            (Self::Cpu, Precision::Fp16, _) => needs("--precision fp32 or int8"),
            (Self::Cpu, Precision::Int8, _) if !byte_products_are_exact() => Err(Error::new(
                ErrorKind::Provider,
                "this processor has no VNNI instructions, without which 8-bit products overflow: export with \
                     --precision fp32",
            )),
            (Self::OpenVino | Self::OpenVinoBf16, Precision::Fp16 | Precision::Int8, _) => needs("--precision fp32"),
            (Self::Cuda(_) | Self::TensorRt(_), Precision::Int8, _) => needs("--precision fp32 or fp16"),
            (Self::OpenVino | Self::OpenVinoBf16 | Self::TensorRt(_), _, Target::OnnxRuntime) => {
                needs("--target portable")
            }
            _ => Ok(()),
        }
    }
}

/// Whether sums of products of unsigned and signed bytes are exact on this processor.
fn byte_products_are_exact() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    true
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

/// Devices beside the CPU, for tests.
#[cfg(test)]
pub(super) const ACCELERATORS: [Device; 6] = [
    Device::OpenVino,
    Device::OpenVinoBf16,
    Device::Cuda(0),
    Device::Cuda(3),
    Device::TensorRt(0),
    Device::TensorRt(7),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn devices_round_trip() {
        for device in ACCELERATORS.into_iter().chain([Device::Cpu, Device::TensorRt(65535)]) {
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
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

    #[test]
    fn graphs_that_do_not_suit_are_refused_with_the_export_option_that_does() {
        use Precision::{Fp16, Fp32, Int8};
        use Target::{OnnxRuntime, Portable};
        for (device, precision, target, hint) in [
            (Device::Cpu, Fp16, OnnxRuntime, "--precision fp32 or int8"),
            (Device::OpenVino, Fp32, OnnxRuntime, "--target portable"),
            (Device::OpenVinoBf16, Int8, OnnxRuntime, "--precision fp32"),
            (Device::Cuda(0), Int8, OnnxRuntime, "--precision fp32 or fp16"),
            (Device::TensorRt(1), Fp16, OnnxRuntime, "--target portable"),
        ] {
            let error = device.check(precision, target).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Provider);
            assert!(error.to_string().contains(hint), "{error}");
        }
        for (device, precision, target) in [
            (Device::Cpu, Fp32, OnnxRuntime),
            (Device::Cpu, Fp32, Portable),
            (Device::OpenVinoBf16, Fp32, Portable),
            (Device::Cuda(0), Fp16, OnnxRuntime),
            (Device::TensorRt(0), Fp16, Portable),
        ] {
            device.check(precision, target).unwrap();
        }
    }
}
