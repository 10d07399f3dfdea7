//! Registration of the execution provider that a device stands for, with the options that matter.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProviderDispatch};

use super::session::SessionOptions;
use super::{Device, Runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Dimension, Graph, Manifest, Precision};

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
            let mut cuda = ep::CUDA::default().with_device_id(id.into()).with_tf32(false);
            if let Some(bytes) = options.memory_limit {
                cuda = cuda.with_memory_limit(bytes);
            }
            cuda.build().error_on_failure()
        }
        Device::TensorRt(id) => {
            let [least, usual, most] = profiles(graph, manifest);
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
    }))
}

/// Refuses TensorRT where it would multiply 32-bit floats as TensorFloat-32, with 10 bits of mantissa, behind the caller's back:
/// ONNX Runtime has no option against it, so NVIDIA's variable must say so (the text graph is of 32 bits in every model).
pub(super) fn check_environment(device: Device) -> Result<()> {
    let exact = std::env::var_os(TF32).is_some_and(|value| value == "0");
    if matches!(device, Device::TensorRt(_)) && !exact {
        return Err(Error::new(
            ErrorKind::Provider,
            format!(
                "{device} would round the factors of 32-bit products to TensorFloat-32: {TF32}=0 expected in the \
                 environment, {} found",
                std::env::var_os(TF32).map_or("nothing".into(), |value| format!("{value:?}"))
            ),
        ));
    }
    Ok(())
}

/// The provider of a device without options for a model; `None` for the CPU.
pub(super) fn plain(device: Device) -> Option<ExecutionProviderDispatch> {
    let dispatch = match device {
        Device::Cpu => return None,
        Device::OpenVino => openvino(NonZeroUsize::MIN, "f32"),
        Device::OpenVinoBf16 => openvino(NonZeroUsize::MIN, "bf16"),
        Device::Cuda(id) => ep::CUDA::default().with_device_id(id.into()).build(),
        Device::TensorRt(id) => ep::TensorRT::default().with_device_id(id.into()).build(),
    };
    Some(dispatch.error_on_failure())
}

/// The error for a provider that could not be registered: why, and what is needed.
pub(super) fn refused(runtime: &Runtime, device: Device, error: ort::Error) -> Error {
    let name = device.provider();
    let compiled_in = runtime.providers().map(|providers| providers.iter().any(|found| found == name));
    let Ok(compiled_in) = compiled_in else {
        // What is needed is not known, then.
        return Error::new(ErrorKind::Provider, format!("{device} cannot be used here: {error}")).with_source(error);
    };
    let needed = match (device, compiled_in) {
        (Device::Cpu, _) => "",
        (Device::OpenVino | Device::OpenVinoBf16, false) => {
            "a library with OpenVINO is needed, as in the onnxruntime-openvino wheel"
        }
        (Device::OpenVino | Device::OpenVinoBf16, true) => {
            "the OpenVINO libraries of the same wheel must lie beside the library"
        }
        (Device::Cuda(_) | Device::TensorRt(_), false) => {
            "a library with it is needed, as in the onnxruntime-gpu wheel"
        }
        (Device::Cuda(_), true) => {
            "the NVIDIA driver, and CUDA and cuDNN of the version that the library was built for, must be on the loader's path"
        }
        (Device::TensorRt(_), true) => {
            "the NVIDIA driver, and CUDA, cuDNN and TensorRT of the versions that the library was built for, must be on \
             the loader's path"
        }
    };
    Error::new(ErrorKind::Provider, format!("{device} cannot be used here: {error}; {needed}")).with_source(error)
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
fn profiles(graph: &Graph, manifest: &Manifest) -> [String; 3] {
    let free = |name: &str| match name {
        "batch" => [1, 1, TENSORRT_IMAGES],
        "prompts" => [1, 1, TENSORRT_PROMPTS],
        // The length of a prompt.
        _ => [2, 16, manifest.text.max_tokens],
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
