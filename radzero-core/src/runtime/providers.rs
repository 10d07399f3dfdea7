//! Registration of the execution provider that a device stands for, with the options that matter.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProviderDispatch};
use radzero_format::manifest::{Dimension, Graph, Manifest, Precision};
use radzero_format::{Error, ErrorKind, Result};

use super::session::SessionOptions;
use super::{Device, Runtime, failure};

/// Images that a TensorRT engine is built for, at most, in one run; a larger batch needs another engine.
const TENSORRT_IMAGES: usize = 8;

/// Prompts that a TensorRT engine is built for, at most, in one run.
const TENSORRT_PROMPTS: usize = 32;

/// With 0, no NVIDIA library computes in TensorFloat-32.
const TF32: &str = "NVIDIA_TF32_OVERRIDE";

/// The provider to register for `graph`; `None` for the CPU, which is always there.
///
/// All of them fail where they cannot run: the default is a log line and the CPU.
pub(super) fn dispatch(
    options: &SessionOptions,
    manifest: &Manifest,
    graph: &Graph,
) -> Result<Option<ExecutionProviderDispatch>> {
    Ok(Some(match options.device {
        Device::Cpu => return Ok(None),
        Device::OpenVino => openvino(options.threads, "f32"),
        Device::OpenVinoBf16 => openvino(options.threads, "bf16"),
        Device::Cuda(id) => {
            // TensorFloat-32 would cut products to 10 bits of mantissa behind the caller's back.
            // So that norms of 16-bit sums are computed in 32 bits, whatever the version.
            let mut cuda =
                ep::CUDA::default().with_device_id(id.into()).with_tf32(false).with_skip_layer_norm_strict_mode(true);
            if let Some(bytes) = options.memory_limit {
                cuda = cuda.with_memory_limit(bytes);
            }
            cuda.build().error_on_failure()
        }
        Device::TensorRt(id) => {
            let [least, usual, most] = profiles(graph, manifest.text.max_tokens);
            let mut tensorrt = ep::TensorRT::default()
                .with_device_id(id.into())
                .with_profile_min_shapes(least)
                .with_profile_opt_shapes(usual)
                .with_profile_max_shapes(most)
                .with_fp16(manifest.precision == Precision::Fp16 && graph.file == manifest.image_encoder.file)
                .with_layer_norm_fp32_fallback(true);
            if let Some(bytes) = options.memory_limit {
                tensorrt = tensorrt.with_max_workspace_size(bytes);
            }
            if let Some(cache) = &options.engine_cache {
                let folder = cache_folder(cache, options);
                std::fs::create_dir_all(&folder).map_err(|source| Error::io(&folder, "create", source))?;
                tensorrt = tensorrt
                    .with_engine_cache(true)
                    .with_timing_cache(true)
                    .with_engine_cache_path(folder.display())
                    .with_timing_cache_path(folder.display());
            }
            tensorrt.build().error_on_failure()
        }
        other => return Err(unknown(other)),
    }))
}

/// Refuses TensorRT where it would multiply 32-bit floats as TensorFloat-32, with 10 bits of mantissa, behind the caller's back:
/// ONNX Runtime has no option against it, so NVIDIA's variable must say so (the text graph is of 32 bits in every model).
pub(super) fn check_environment(device: Device) -> Result<()> {
    check_tf32(device, std::env::var_os(TF32).as_deref())
}

fn check_tf32(device: Device, value: Option<&OsStr>) -> Result<()> {
    let exact = value.is_some_and(|value| value == "0");
    if matches!(device, Device::TensorRt(_)) && !exact {
        return Err(Error::new(
            ErrorKind::Provider,
            format!(
                "{device} would round the factors of 32-bit products to TensorFloat-32: {TF32}=0 expected in the \
                 environment, {} found",
                value.map_or("nothing".into(), |value| format!("{value:?}"))
            ),
        ));
    }
    Ok(())
}

/// A device of a later version.
fn unknown(device: Device) -> Error {
    Error::new(ErrorKind::Provider, format!("this version does not know how to run on {device}"))
}

/// The provider of a device without options for a model; `None` for the CPU.
pub(super) fn plain(device: Device) -> Result<Option<ExecutionProviderDispatch>> {
    let dispatch = match device {
        Device::Cpu => return Ok(None),
        Device::OpenVino => openvino(NonZeroUsize::MIN, "f32"),
        Device::OpenVinoBf16 => openvino(NonZeroUsize::MIN, "bf16"),
        Device::Cuda(id) => ep::CUDA::default().with_device_id(id.into()).build(),
        Device::TensorRt(id) => ep::TensorRT::default().with_device_id(id.into()).build(),
        other => return Err(unknown(other)),
    };
    Ok(Some(dispatch.error_on_failure()))
}

/// The error for a provider that could not be registered: why, and what is needed.
pub(super) fn refused(runtime: &Runtime, device: Device, error: ort::Error) -> Error {
    let compiled_in = runtime.providers().map(|providers| providers.iter().any(|found| found == device.provider()));
    explained(device, compiled_in.ok(), error)
}

fn explained(
    device: Device,
    compiled_in: Option<bool>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let kind = failure::kind_of(ErrorKind::Provider, &error);
    // ONNX Runtime has no code for this. It counts the devices that the driver shows.
    let no_such_device = error.to_string().contains("Invalid device ID");
    let needed = match (device, compiled_in) {
        (Device::Cuda(_) | Device::TensorRt(_), _) if no_such_device => "no GPU has this number, the first is 0",
        // What is needed is not known, then.
        (_, None) => return Error::new(kind, format!("{device} cannot be used here")).with_source(error),
        (Device::OpenVino | Device::OpenVinoBf16, Some(false)) => {
            "a library with OpenVINO is needed, as in the onnxruntime-openvino wheel"
        }
        (Device::OpenVino | Device::OpenVinoBf16, Some(true)) => {
            "the OpenVINO libraries of the same wheel must lie beside the library"
        }
        (Device::Cuda(_) | Device::TensorRt(_), Some(false)) => {
            "a library with it is needed, as in the onnxruntime-gpu wheel"
        }
        (Device::Cuda(_), Some(true)) => {
            "the NVIDIA driver, and CUDA and cuDNN of the version that the library was built for, must be on the loader's path"
        }
        (Device::TensorRt(_), Some(true)) => {
            "the NVIDIA driver, and CUDA, cuDNN and TensorRT of the versions that the library was built for, must be on \
             the loader's path"
        }
        _ => "nothing more is known",
    };
    Error::new(kind, format!("{device} cannot be used here; {needed}")).with_source(error)
}

fn openvino(threads: NonZeroUsize, precision: &str) -> ExecutionProviderDispatch {
    // The provider takes these options as text in JSON, and the thread count as text within it.
    let config =
        format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","INFERENCE_NUM_THREADS":"{threads}"}}}}"#);
    ep::OpenVINO::default()
        .with_device_type("CPU")
        .with_arbitrary_config("load_config", config)
        .build()
        .error_on_failure()
}

/// Engines are good for one model, device and version of the library alone: each has a folder of its own. (Precision and
/// operators are part of the model's hash.)
fn cache_folder(cache: &Path, options: &SessionOptions) -> PathBuf {
    let device = options.device.to_string().replace(':', "-");
    cache.join(format!("{}-{device}-onnxruntime-{}", options.model_hash, options.library_version))
}

/// Least, usual and greatest shapes of a graph's inputs, as TensorRT's options want them.
fn profiles(graph: &Graph, max_tokens: usize) -> [String; 3] {
    let free = |name: &str| match name {
        "batch" => [1, 1, TENSORRT_IMAGES],
        "prompts" => [1, 1, TENSORRT_PROMPTS],
        // The length of a prompt.
        _ => [2, 16, max_tokens],
    };
    [0, 1, 2].map(|size| {
        let inputs: Vec<String> = graph
            .inputs
            .iter()
            .map(|input| {
                let shape: Vec<String> = input
                    .shape
                    .iter()
                    .map(|dimension| match dimension {
                        Dimension::Fixed(extent) => extent.to_string(),
                        Dimension::Free(name) => free(name)[size].to_string(),
                    })
                    .collect();
                format!("{}:{}", input.name, shape.join("x"))
            })
            .collect();
        inputs.join(",")
    })
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
    use radzero_format::manifest::{Element, Tensor};

    fn graph(inputs: Vec<Tensor>) -> Graph {
        Graph { file: "graph.onnx".into(), opset: 21, inputs, outputs: Vec::new() }
    }

    fn free(name: &str) -> Dimension {
        Dimension::Free(name.into())
    }

    /// TensorRT refuses a shape outside of these, and one that it reads otherwise.
    #[test]
    fn engines_are_built_for_one_image_up_to_eight() {
        let shape = vec![free("batch"), Dimension::Fixed(3), Dimension::Fixed(518), Dimension::Fixed(518)];
        let image = graph(vec![Tensor::new("pixels", Element::U8, shape)]);
        assert_eq!(profiles(&image, 128), ["pixels:1x3x518x518", "pixels:1x3x518x518", "pixels:8x3x518x518"]);
    }

    #[test]
    fn engines_are_built_for_prompts_up_to_the_longest() {
        let shape = || vec![free("prompts"), free("length")];
        let text = graph(vec![
            Tensor::new("input_ids", Element::I64, shape()),
            Tensor::new("attention_mask", Element::I64, shape()),
        ]);
        for (longest, most) in
            [(128, "input_ids:32x128,attention_mask:32x128"), (512, "input_ids:32x512,attention_mask:32x512")]
        {
            assert_eq!(
                profiles(&text, longest),
                ["input_ids:1x2,attention_mask:1x2", "input_ids:1x16,attention_mask:1x16", most]
            );
        }
    }

    fn options(device: Device, model: &str, library: &str) -> SessionOptions {
        SessionOptions {
            device,
            threads: NonZeroUsize::MIN,
            memory_limit: None,
            engine_cache: None,
            model_hash: model.into(),
            library_version: library.into(),
            max_waiting: None,
            configure: None,
            kernels: None,
        }
    }

    #[test]
    fn engines_are_kept_apart_by_model_device_and_library() {
        let cache = Path::new("engines");
        let known = [
            options(Device::TensorRt(0), "aa", "1.24.1"),
            options(Device::TensorRt(0), "ab", "1.24.1"),
            options(Device::TensorRt(1), "aa", "1.24.1"),
            options(Device::TensorRt(0), "aa", "1.25.0"),
        ];
        let folders: Vec<PathBuf> = known.iter().map(|options| cache_folder(cache, options)).collect();
        assert_eq!(folders[0], cache.join("aa-tensorrt-onnxruntime-1.24.1"));
        // No colon: Windows takes it for a drive.
        assert_eq!(folders[2], cache.join("aa-tensorrt-1-onnxruntime-1.24.1"));
        for (index, folder) in folders.iter().enumerate() {
            assert!(!folders[..index].contains(folder), "{}", folder.display());
        }
    }

    /// What changes nothing about an engine must not cost minutes.
    #[test]
    fn engines_are_found_again() {
        let one = options(Device::TensorRt(0), "aa", "1.24.1");
        let mut other = one.clone();
        other.threads = NonZeroUsize::MAX;
        other.memory_limit = Some(1 << 30);
        assert_eq!(cache_folder(Path::new("engines"), &one), cache_folder(Path::new("engines"), &other));
    }

    fn explanation(device: Device, compiled_in: Option<bool>) -> String {
        let error = explained(device, compiled_in, std::io::Error::other("no such thing"));
        assert_eq!(error.kind(), ErrorKind::Provider);
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.to_string().contains("no such thing"), "{cause}");
        error.to_string().strip_prefix(&format!("{device} cannot be used here")).unwrap().to_owned()
    }

    #[test]
    fn a_library_without_the_provider_is_told_from_one_that_cannot_load_it() {
        for device in ACCELERATORS {
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

    /// As ONNX Runtime 1.31 says it.
    #[test]
    fn a_device_that_is_not_there_is_told_from_missing_libraries() {
        let said = "Failed to parse provider option \"device_id\": Invalid device ID: 7, must be between 0 and 1";
        for device in [Device::Cuda(7), Device::TensorRt(7)] {
            let error = explained(device, Some(true), std::io::Error::other(said));
            assert_eq!(error.kind(), ErrorKind::Provider);
            assert!(error.to_string().ends_with("no GPU has this number, the first is 0"), "{error}");
        }
    }

    #[test]
    fn tensorrt_needs_a_word_against_tensorfloat_32() {
        for value in [None, Some("1"), Some(""), Some("00")] {
            let error = check_tf32(Device::TensorRt(1), value.map(OsStr::new)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Provider);
            let (error, found) =
                (error.to_string(), value.map_or("nothing found".into(), |value| format!("{value:?} found")));
            assert!(error.starts_with("tensorrt:1 ") && error.contains("NVIDIA_TF32_OVERRIDE=0 expected"), "{error}");
            assert!(error.ends_with(&found), "{error}");
        }
        check_tf32(Device::TensorRt(1), Some(OsStr::new("0"))).unwrap();
        for device in [Device::Cpu, Device::OpenVino, Device::Cuda(0)] {
            check_tf32(device, None).unwrap();
        }
    }

    #[test]
    fn every_device_registers_the_provider_that_it_is_named_after() {
        assert!(plain(Device::Cpu).unwrap().is_none());
        for device in ACCELERATORS {
            assert_eq!(plain(device).unwrap().unwrap().name(), device.provider());
        }
    }
}
