//! An NVIDIA GPU through TensorRT.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ort::ep::{self, ExecutionProviderDispatch};
use radzero_format::manifest::{Dimension, Graph, Manifest, Precision, Target};
use radzero_format::record::Device;
use radzero_format::{Error, ErrorKind, Result};

use super::cuda::Cuda;
use super::{Objection, Provider};
use crate::runtime::options::SessionOptions;

/// The largest batch of images that an engine is built for. A larger one needs another engine.
const TENSORRT_IMAGES: usize = 8;

/// The largest batch of prompts that an engine is built for.
const TENSORRT_PROMPTS: usize = 32;

/// If it is 0, no NVIDIA library computes in TensorFloat-32.
const TF32: &str = "NVIDIA_TF32_OVERRIDE";

/// The GPU with this CUDA device ordinal.
pub(super) struct TensorRt(pub(super) u16);

impl Provider for TensorRt {
    fn registration(
        &self,
        options: &SessionOptions,
        manifest: &Manifest,
        graph: &Graph,
    ) -> Result<Option<ExecutionProviderDispatch>> {
        let [least, usual, most] = profiles(graph, manifest.text.max_tokens);
        let mut tensorrt = ep::TensorRT::default()
            .with_device_id(self.0.into())
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
        Ok(Some(tensorrt.build().error_on_failure()))
    }

    fn trial(&self) -> Option<ExecutionProviderDispatch> {
        Some(ep::TensorRT::default().with_device_id(self.0.into()).build().error_on_failure())
    }

    fn objection(&self, precision: Precision, target: Target) -> Option<Objection> {
        match (precision, target) {
            (Precision::Fp32 | Precision::Fp16, Target::Portable) => None,
            (Precision::Fp32 | Precision::Fp16, _) => Some(Objection::Export("--target portable")),
            _ => Some(Objection::Export("--precision fp32 or fp16")),
        }
    }

    /// Refuses to multiply 32-bit floats as TensorFloat-32, with 10 bits of mantissa, behind the caller's back: ONNX Runtime has no
    /// option against it, so NVIDIA's variable must be set. (The text graph has 32 bits in every model.)
    fn check_environment(&self) -> Result<()> {
        self.check_tf32(std::env::var_os(TF32).as_deref())
    }

    fn missing(&self, compiled_in: bool) -> &'static str {
        if compiled_in {
            "the NVIDIA driver, and CUDA, cuDNN and TensorRT of the versions that the library was built for, must be on \
             the loader's path"
        } else {
            Cuda::NOT_COMPILED_IN
        }
    }
}

impl TensorRt {
    fn check_tf32(&self, value: Option<&OsStr>) -> Result<()> {
        if value.is_some_and(|value| value == "0") {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Provider,
            format!(
                "{} would round the factors of 32-bit products to TensorFloat-32: {TF32}=0 expected in the \
                 environment, {} found",
                Device::TensorRt(self.0),
                value.map_or("nothing".into(), |value| format!("{value:?}"))
            ),
        ))
    }
}

/// An engine serves one model, device and version of ONNX Runtime, so each combination has its own folder. (Precision and operators
/// are part of the model's hash.)
fn cache_folder(cache: &Path, options: &SessionOptions) -> PathBuf {
    let device = options.device.to_string().replace(':', "-");
    cache.join(format!("{}-{device}-onnxruntime-{}", options.model_hash, options.library_version))
}

/// Smallest, usual and largest shapes of a graph's inputs, in the form that TensorRT's options take.
fn profiles(graph: &Graph, max_tokens: usize) -> [String; 3] {
    let free = |name: &str| match name {
        "batch" => [1, 1, TENSORRT_IMAGES],
        "prompts" => [1, 1, TENSORRT_PROMPTS],
        // Tokens per prompt.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use radzero_format::manifest::{Element, Tensor};
    use std::num::NonZeroUsize;

    fn graph(inputs: Vec<Tensor>) -> Graph {
        Graph { file: "graph.onnx".into(), opset: 21, inputs, outputs: Vec::new() }
    }

    fn free(name: &str) -> Dimension {
        Dimension::Free(name.into())
    }

    /// TensorRT refuses shapes outside of these.
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

    /// Options that do not change the engine must not cost the minutes of building it again.
    #[test]
    fn engines_are_found_again() {
        let one = options(Device::TensorRt(0), "aa", "1.24.1");
        let mut other = one.clone();
        other.threads = NonZeroUsize::MAX;
        other.memory_limit = Some(1 << 30);
        assert_eq!(cache_folder(Path::new("engines"), &one), cache_folder(Path::new("engines"), &other));
    }

    #[test]
    fn tensorfloat_32_must_be_switched_off() {
        for value in [None, Some("1"), Some(""), Some("00")] {
            let error = TensorRt(1).check_tf32(value.map(OsStr::new)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Provider);
            let (error, found) =
                (error.to_string(), value.map_or("nothing found".into(), |value| format!("{value:?} found")));
            assert!(error.starts_with("tensorrt:1 ") && error.contains("NVIDIA_TF32_OVERRIDE=0 expected"), "{error}");
            assert!(error.ends_with(&found), "{error}");
        }
        TensorRt(1).check_tf32(Some(OsStr::new("0"))).unwrap();
    }
}
