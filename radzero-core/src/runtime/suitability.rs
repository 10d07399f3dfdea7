//! Which exports a device runs, and with what memory.

use radzero_format::manifest::{Graph, Manifest, Precision, Target};
use radzero_format::record::Device;
use radzero_format::{Error, ErrorKind, Result};

/// Refuses graphs that the device's provider cannot run, or runs badly: better to be told than to wait.
pub(crate) fn check(device: Device, precision: Precision, target: Target) -> Result<()> {
    let needs = |how: &str| {
        let message =
            format!("{device} needs a model exported with {how}; this one is {precision} for target {target}");
        Err(Error::new(ErrorKind::Provider, message))
    };
    match (device, precision, target) {
        (Device::Cpu, Precision::Fp16, _) => needs("--precision fp32 or int8"),
        (Device::Cpu, Precision::Int8, _) if !byte_products_are_exact() => Err(Error::new(
            ErrorKind::Provider,
            "this processor has no VNNI instructions, without which 8-bit products overflow: export with \
                 --precision fp32",
        )),
        (Device::OpenVino | Device::OpenVinoBf16, Precision::Fp16 | Precision::Int8, _) => needs("--precision fp32"),
        (Device::Cuda(_) | Device::TensorRt(_), Precision::Int8, _) => needs("--precision fp32 or fp16"),
        (Device::OpenVino | Device::OpenVinoBf16 | Device::TensorRt(_), _, Target::OnnxRuntime) => {
            needs("--target portable")
        }
        (
            Device::Cpu | Device::OpenVino | Device::OpenVinoBf16 | Device::Cuda(_) | Device::TensorRt(_),
            Precision::Fp32 | Precision::Fp16 | Precision::Int8,
            Target::OnnxRuntime | Target::Portable,
        ) => Ok(()),
        _ => {
            let message = format!("this version does not know how to run {precision} for target {target} on {device}");
            Err(Error::new(ErrorKind::Provider, message))
        }
    }
}

/// Refuses a limit of CUDA's arena that the weights of `graph` alone exceed: ONNX Runtime 1.31 ran with limits of 1 and of 100 MiB, as if
/// there were none.
pub(crate) fn check_memory_limit(
    device: Device,
    limit: Option<usize>,
    manifest: &Manifest,
    graph: &Graph,
) -> Result<()> {
    let weights = manifest.files.get(&format!("{}.data", graph.file)).map_or(0, |file| file.bytes);
    match (device, limit) {
        (Device::Cuda(_), Some(limit)) if limit as u64 <= weights => {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let message = format!(
                "a memory limit above {} MiB expected, which the weights of {} alone take on {device}; {} found",
                mib(weights),
                graph.file,
                mib(limit as u64)
            );
            Err(Error::new(ErrorKind::Argument, message))
        }
        _ => Ok(()),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
            let error = check(device, precision, target).unwrap_err();
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
            check(device, precision, target).unwrap();
        }
    }
}
