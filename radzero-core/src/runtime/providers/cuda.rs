//! An NVIDIA GPU by CUDA.

use ort::ep::{self, ExecutionProviderDispatch};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use radzero_format::manifest::{Graph, Manifest, Precision, Target};
use radzero_format::record::Device;
use radzero_format::{Error, ErrorKind, Result};

use super::{Objection, Provider};
use crate::runtime::options::SessionOptions;

/// The GPU with this CUDA device ordinal.
pub(super) struct Cuda(pub(super) u16);

impl Cuda {
    /// What the library lacks that was built without NVIDIA's providers.
    pub(super) const NOT_COMPILED_IN: &str = "a library with it is needed, as in the onnxruntime-gpu wheel";
}

impl Provider for Cuda {
    fn registration(
        &self,
        options: &SessionOptions,
        _: &Manifest,
        _: &Graph,
    ) -> Result<Option<ExecutionProviderDispatch>> {
        let mut cuda = ep::CUDA::default()
            .with_device_id(self.0.into())
            // TensorFloat-32 would cut products to 10 bits of mantissa behind the caller's back.
            .with_tf32(false)
            // Norms of 16-bit sums are computed in 32 bits, whatever the version of ONNX Runtime.
            .with_skip_layer_norm_strict_mode(true);
        if let Some(bytes) = options.memory_limit {
            cuda = cuda.with_memory_limit(bytes);
        }
        Ok(Some(cuda.build().error_on_failure()))
    }

    fn trial(&self) -> Option<ExecutionProviderDispatch> {
        Some(ep::CUDA::default().with_device_id(self.0.into()).build().error_on_failure())
    }

    fn objection(&self, precision: Precision, _: Target) -> Option<Objection> {
        match precision {
            Precision::Fp32 | Precision::Fp16 => None,
            _ => Some(Objection::Export("--precision fp32 or fp16")),
        }
    }

    /// The limit is that of CUDA's arena. ONNX Runtime 1.31 ran with limits of 1 and of 100 MiB as if there were none.
    fn check_memory_limit(&self, limit: usize, weights: u64, graph: &Graph) -> Result<()> {
        if limit as u64 > weights {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let message = format!(
            "a memory limit above {} MiB expected, which the weights of {} alone take on {}; {} found",
            mib(weights),
            graph.file,
            Device::Cuda(self.0),
            mib(limit as u64)
        );
        Err(Error::new(ErrorKind::Argument, message))
    }

    /// Page-locked memory, which the device reads and writes by itself.
    fn host_memory(&self) -> ort::Result<Option<MemoryInfo<'static>>> {
        let (place, kind) = (AllocationDevice::CUDA_PINNED, AllocatorType::Device);
        MemoryInfo::new(place, self.0.into(), kind, MemoryType::CPUOutput).map(Some)
    }

    fn missing(&self, compiled_in: bool) -> &'static str {
        if compiled_in {
            "the NVIDIA driver, and CUDA and cuDNN of the version that the library was built for, must be on the loader's path"
        } else {
            Self::NOT_COMPILED_IN
        }
    }
}
