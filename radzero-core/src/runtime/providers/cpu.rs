//! The CPU, by ONNX Runtime's own provider, which is always there.

use ort::ep::ExecutionProviderDispatch;
use radzero_format::Result;
use radzero_format::manifest::{Graph, Manifest, Precision, Target};

use super::{Blame, Objection, Provider};
use crate::runtime::options::SessionOptions;

pub(super) struct Cpu;

impl Provider for Cpu {
    fn registration(&self, _: &SessionOptions, _: &Manifest, _: &Graph) -> Result<Option<ExecutionProviderDispatch>> {
        Ok(None)
    }

    fn trial(&self) -> Option<ExecutionProviderDispatch> {
        None
    }

    fn objection(&self, precision: Precision, _: Target) -> Option<Objection> {
        match precision {
            Precision::Fp32 => None,
            Precision::Int8 if byte_products_are_exact() => None,
            Precision::Int8 => Some(Objection::Processor(
                "this processor has no VNNI instructions, without which 8-bit products overflow: export with \
                 --precision fp32",
            )),
            _ => Some(Objection::Export("--precision fp32 or int8")),
        }
    }

    fn blame(&self) -> Blame {
        Blame::Model
    }

    fn missing(&self, _: bool) -> &'static str {
        "nothing more is known"
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
