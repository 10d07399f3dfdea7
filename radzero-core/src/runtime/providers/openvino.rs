//! OpenVINO on the CPU.

use std::num::NonZeroUsize;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProviderDispatch};
use radzero_format::Result;
use radzero_format::manifest::{Graph, Manifest, Precision, Target};

use super::{Blame, Objection, Provider};
use crate::runtime::options::SessionOptions;

pub(super) struct OpenVino {
    /// OpenVINO's name of the precision of products.
    pub(super) precision: &'static str,
}

impl OpenVino {
    fn with_threads(&self, threads: NonZeroUsize) -> ExecutionProviderDispatch {
        // The provider takes these options as text in JSON, and the thread count as text within it.
        let config = format!(
            r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{}","INFERENCE_NUM_THREADS":"{threads}"}}}}"#,
            self.precision
        );
        ep::OpenVINO::default()
            .with_device_type("CPU")
            .with_arbitrary_config("load_config", config)
            .build()
            .error_on_failure()
    }
}

impl Provider for OpenVino {
    fn registration(
        &self,
        options: &SessionOptions,
        _: &Manifest,
        _: &Graph,
    ) -> Result<Option<ExecutionProviderDispatch>> {
        Ok(Some(self.with_threads(options.threads)))
    }

    fn trial(&self) -> Option<ExecutionProviderDispatch> {
        Some(self.with_threads(NonZeroUsize::MIN))
    }

    fn objection(&self, precision: Precision, target: Target) -> Option<Objection> {
        match (precision, target) {
            (Precision::Fp32, Target::Portable) => None,
            (Precision::Fp32, _) => Some(Objection::Export("--target portable")),
            _ => Some(Objection::Export("--precision fp32")),
        }
    }

    // Its libraries are there, or it could not have been registered.
    fn blame(&self) -> Blame {
        Blame::Provider
    }

    fn missing(&self, compiled_in: bool) -> &'static str {
        if compiled_in {
            "the OpenVINO libraries of the same wheel must lie beside the library"
        } else {
            "a library with OpenVINO is needed, as in the onnxruntime-openvino wheel"
        }
    }
}
