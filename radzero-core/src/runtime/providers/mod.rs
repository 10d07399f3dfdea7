//! The execution providers, one file each. [`of`] is the one place where they are registered.
//!
//! A new one also needs a variant of [`Device`] (`radzero-format`), which gives it its name.

mod cpu;
mod cuda;
mod openvino;
mod tensorrt;

use ort::ep::ExecutionProviderDispatch;
use ort::memory::MemoryInfo;
use radzero_format::manifest::{Graph, Manifest, Precision, Target};
use radzero_format::record::Device;
use radzero_format::{Error, ErrorKind, Result};

use self::cpu::Cpu;
use self::cuda::Cuda;
use self::openvino::OpenVino;
use self::tensorrt::TensorRt;
use super::failure;
use super::options::SessionOptions;

/// What differs from one execution provider to another.
pub(super) trait Provider {
    /// The provider with its options for `graph`; `None` for the CPU, which needs no registration.
    ///
    /// It must fail where it cannot run: ONNX Runtime's default is a log line and the CPU.
    fn registration(
        &self,
        options: &SessionOptions,
        manifest: &Manifest,
        graph: &Graph,
    ) -> Result<Option<ExecutionProviderDispatch>>;

    /// The same without a model, to find out whether the provider works; `None` for the CPU.
    fn trial(&self) -> Option<ExecutionProviderDispatch>;

    /// Why the provider should not run such an export; `None` if it runs it well.
    fn objection(&self, precision: Precision, target: Target) -> Option<Objection>;

    /// Refuses an environment in which the provider would compute something else than asked for.
    fn check_environment(&self) -> Result<()> {
        Ok(())
    }

    /// Refuses a memory limit, in bytes, that the provider would exceed for a graph with so many bytes of `weights`.
    fn check_memory_limit(&self, limit: usize, weights: u64, graph: &Graph) -> Result<()> {
        let _ = (limit, weights, graph);
        Ok(())
    }

    /// Memory of the host that the device copies from and to fastest; `None` for ordinary memory.
    fn host_memory(&self) -> ort::Result<Option<MemoryInfo<'static>>> {
        Ok(None)
    }

    /// Whose fault it is if a session cannot be opened although the model's file is valid.
    fn blame(&self) -> Blame {
        Blame::Installation
    }

    /// What an installation lacks, as the end of an error message. `compiled_in` says whether the library was built with the
    /// provider.
    fn missing(&self, compiled_in: bool) -> &'static str;
}

/// Why a provider should not run an export.
pub(super) enum Objection {
    /// It needs another export; these are the options to export with.
    Export(&'static str),
    /// This processor is not able to.
    Processor(&'static str),
}

/// Whose fault it is that a session cannot be opened.
pub(super) enum Blame {
    /// The model's: the provider runs everything that is valid.
    Model,
    /// The provider's: it does not support the graph.
    Provider,
    /// The installation's: the provider looks for its libraries and its device only now.
    Installation,
}

/// The provider that `device` stands for.
pub(super) fn of(device: Device) -> Result<Box<dyn Provider>> {
    Ok(match device {
        Device::Cpu => Box::new(Cpu),
        Device::OpenVino => Box::new(OpenVino { precision: "f32" }),
        Device::OpenVinoBf16 => Box::new(OpenVino { precision: "bf16" }),
        Device::Cuda(id) => Box::new(Cuda(id)),
        Device::TensorRt(id) => Box::new(TensorRt(id)),
        other => {
            let message = format!("this version does not know how to run on {other}");
            return Err(Error::new(ErrorKind::Provider, message));
        }
    })
}

/// Refuses exports that the device's provider cannot run, or runs badly: better to be told than to wait.
pub(crate) fn check_export(device: Device, precision: Precision, target: Target) -> Result<()> {
    let refused = |message| Err(Error::new(ErrorKind::Provider, message));
    match of(device)?.objection(precision, target) {
        None => Ok(()),
        Some(Objection::Export(options)) => refused(format!(
            "{device} needs a model exported with {options}; this one is {precision} for target {target}"
        )),
        Some(Objection::Processor(message)) => refused(message.to_owned()),
    }
}

/// Refuses a memory limit that the weights of `graph` alone exceed, where the provider would pass over it.
pub(crate) fn check_memory_limit(
    device: Device,
    limit: Option<usize>,
    manifest: &Manifest,
    graph: &Graph,
) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    let weights = manifest.files.get(&format!("{}.data", graph.file)).map_or(0, |file| file.bytes);
    of(device)?.check_memory_limit(limit, weights, graph)
}

/// The error for a provider that cannot be used: why, and what is needed. `compiled_in` says whether the library was built with it,
/// if that is known.
pub(super) fn unusable(
    device: Device,
    compiled_in: Option<bool>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let kind = failure::kind_of(ErrorKind::Provider, &error);
    // ONNX Runtime has no code for this. It counts the devices that the driver shows.
    let no_such_device = device.is_gpu() && error.to_string().contains("Invalid device ID");
    let needed = match (of(device), compiled_in) {
        _ if no_such_device => "no GPU has this number, the first is 0",
        (Ok(provider), Some(compiled_in)) => provider.missing(compiled_in),
        // Nobody knows what is needed.
        _ => return Error::new(kind, format!("{device} cannot be used here")).with_source(error),
    };
    Error::new(kind, format!("{device} cannot be used here; {needed}")).with_source(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn accelerators() -> impl Iterator<Item = Device> {
        Device::ALL.into_iter().filter(|&device| device != Device::Cpu).chain([Device::Cuda(3), Device::TensorRt(7)])
    }

    fn explanation(device: Device, compiled_in: Option<bool>) -> String {
        let error = unusable(device, compiled_in, std::io::Error::other("no such thing"));
        assert_eq!(error.kind(), ErrorKind::Provider);
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.to_string().contains("no such thing"), "{cause}");
        error.to_string().strip_prefix(&format!("{device} cannot be used here")).unwrap().to_owned()
    }

    #[test]
    fn a_library_without_the_provider_is_told_from_one_that_cannot_load_it() {
        for device in accelerators() {
            let (wheel, missing) = match device {
                Device::Cuda(_) => ("onnxruntime-gpu", ["NVIDIA driver", "CUDA and cuDNN"]),
                Device::TensorRt(_) => ("onnxruntime-gpu", ["NVIDIA driver", "CUDA, cuDNN and TensorRT"]),
                _ => ("onnxruntime-openvino", ["OpenVINO libraries", "beside the library"]),
            };
            let without = explanation(device, Some(false));
            assert!(without.starts_with("; a library with ") && without.contains(wheel), "{without}");
            let unloadable = explanation(device, Some(true));
            assert!(unloadable.starts_with("; the "), "{unloadable}");
            assert!(missing.iter().all(|missing| unloadable.contains(missing)), "{unloadable}");
            assert!(!unloadable.contains(wheel), "{unloadable}");
            assert_eq!(explanation(device, None), "", "nothing is known to be needed");
        }
    }

    /// With the message of ONNX Runtime 1.31.
    #[test]
    fn a_device_that_is_not_there_is_told_from_missing_libraries() {
        let said = "Failed to parse provider option \"device_id\": Invalid device ID: 7, must be between 0 and 1";
        for device in [Device::Cuda(7), Device::TensorRt(7)] {
            let error = unusable(device, Some(true), std::io::Error::other(said));
            assert_eq!(error.kind(), ErrorKind::Provider);
            assert!(error.to_string().ends_with("no GPU has this number, the first is 0"), "{error}");
        }
    }

    #[test]
    fn every_device_registers_the_provider_that_it_is_named_after() {
        assert!(of(Device::Cpu).unwrap().trial().is_none());
        for device in accelerators() {
            assert_eq!(of(device).unwrap().trial().unwrap().name(), device.provider());
        }
    }

    #[test]
    fn tensorrt_alone_minds_the_environment() {
        for device in Device::ALL.into_iter().filter(|device| *device != Device::TensorRt(0)) {
            of(device).unwrap().check_environment().unwrap();
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
            let error = check_export(device, precision, target).unwrap_err();
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
            check_export(device, precision, target).unwrap();
        }
    }
}
