//! Which execution provider runs which nodes, as read back from a session.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::fmt;

use ort::AsPointer as _;
use ort::session::Session;
use radzero_format::{Error, ErrorKind, Result};

use super::{Device, failure};
use radzero_format::operators::DOMAIN;

/// The session option that makes ONNX Runtime record the assignment.
pub(super) const RECORD_KEY: &str = "session.record_ep_graph_assignment_info";

/// The operators that take the time. With any of these on the CPU, a model opened for a GPU would be a CPU model in disguise.
const HEAVY: [&str; 10] = [
    "Conv",
    "Gemm",
    "MatMul",
    "MatMulInteger",
    "MultiHeadAttention",
    "Softmax",
    "LayerNormalization",
    "SkipLayerNormalization",
    "Gelu",
    "BiasGelu",
];

/// How many nodes of a graph each execution provider runs, by operator, as the session reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement(BTreeMap<String, BTreeMap<String, usize>>);

impl Placement {
    /// Reads the assignment of a session that was built with [`RECORD_KEY`].
    pub(super) fn read(session: &Session) -> Result<Self> {
        let api = ort::api();
        let mut providers: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        // SAFETY: the session pointer is valid while `session` is borrowed; every out pointer is written before it is
        // read, as the status is checked first; arrays and strings belong to the session and are only read here, while
        // it lives. Needs ONNX Runtime 1.24, which is the oldest that loads.
        unsafe {
            let mut subgraphs = std::ptr::null();
            let mut subgraph_count = 0;
            check((api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut subgraphs, &raw mut subgraph_count))?;
            for &subgraph in slice(subgraphs, subgraph_count) {
                let mut name: *const c_char = std::ptr::null();
                check((api.EpAssignedSubgraph_GetEpName)(subgraph, &raw mut name))?;
                let operators = providers.entry(text(name)).or_default();
                let mut nodes = std::ptr::null();
                let mut node_count = 0;
                check((api.EpAssignedSubgraph_GetNodes)(subgraph, &raw mut nodes, &raw mut node_count))?;
                for &node in slice(nodes, node_count) {
                    let (mut domain, mut operator) = (std::ptr::null(), std::ptr::null());
                    check((api.EpAssignedNode_GetDomain)(node, &raw mut domain))?;
                    check((api.EpAssignedNode_GetOperatorType)(node, &raw mut operator))?;
                    let (domain, mut operator) = (text(domain), text(operator));
                    // Other domains have an operator "Attention", too.
                    if domain == DOMAIN {
                        operator = format!("{domain}:{operator}");
                    }
                    *operators.entry(operator).or_default() += 1;
                }
            }
        }
        Ok(Self(providers))
    }

    /// Each execution provider with the number of nodes that it runs.
    pub fn providers(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(name, operators)| (name.as_str(), operators.values().sum()))
    }

    /// Each execution provider with the operators that it runs and their number. The project's own
    /// [`operators`](crate::operators) have their domain as a prefix: `radzero:Linear`.
    pub fn operators(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, usize>)> {
        self.0.iter().map(|(name, operators)| (name.as_str(), operators))
    }

    /// The number of nodes by execution provider.
    pub(super) fn nodes(&self) -> BTreeMap<String, usize> {
        self.providers().map(|(name, nodes)| (name.to_owned(), nodes)).collect()
    }

    /// Whether any of the project's own operators was kept, not replaced by its definition: these run on the project's kernels.
    pub(crate) fn has_own_operators(&self) -> bool {
        self.0.values().flat_map(BTreeMap::keys).any(|name| is_own(name))
    }

    /// Fails unless `device` runs every heavy node.
    pub(super) fn require(&self, device: Device, graph: &str) -> Result<()> {
        let wanted = device.provider();
        let elsewhere: Vec<String> = self
            .0
            .iter()
            .filter(|(provider, _)| *provider != wanted)
            .flat_map(|(provider, operators)| {
                operators.iter().map(move |(operator, count)| (provider, operator, count))
            })
            .filter(|(_, operator, _)| HEAVY.contains(&operator.as_str()) || is_own(operator))
            .map(|(provider, operator, count)| format!("{count} x {operator} on {provider}"))
            .collect();
        if elsewhere.is_empty() && self.0.contains_key(wanted) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Provider,
            format!(
                "{graph} does not run on {device}: {wanted} expected, {} found",
                match (elsewhere.is_empty(), self.0.is_empty()) {
                    (false, _) => elsewhere.join(", "),
                    (true, false) => self.to_string(),
                    (true, true) => "nothing".to_owned(),
                }
            ),
        ))
    }
}

/// Whether it is one of the project's own operators.
fn is_own(name: &str) -> bool {
    name.split(':').next() == Some(DOMAIN)
}

impl fmt::Display for Placement {
    /// Provider by provider: `CPUExecutionProvider: 101 nodes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, nodes)) in self.providers().enumerate() {
            write!(f, "{}{name}: {nodes} nodes", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Turns a status into a result and releases it.
unsafe fn check(status: ort::sys::OrtStatusPtr) -> Result<()> {
    // SAFETY: the caller passes a status that ONNX Runtime has just returned; ort takes it over and releases it.
    unsafe { ort::Error::result_from_status(status) }.map_err(|error| {
        failure::error(ErrorKind::Runtime, "cannot read which execution provider runs the graph", error)
    })
}

/// An array that ONNX Runtime owns, which may be null if it is empty.
unsafe fn slice<'a, T>(start: *const T, length: usize) -> &'a [T] {
    if start.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: ONNX Runtime returned both together.
    unsafe { std::slice::from_raw_parts(start, length) }
}

/// A string that ONNX Runtime owns.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a NUL-terminated string by contract.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CPU: &str = "CPUExecutionProvider";

    fn placed(providers: &[(&str, &[(&str, usize)])]) -> Placement {
        let operators =
            |operators: &[(&str, usize)]| operators.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        Placement(providers.iter().map(|&(name, found)| (name.to_owned(), operators(found))).collect())
    }

    #[track_caller]
    fn refused(placement: &Placement, device: Device) -> String {
        let error = placement.require(device, "image_encoder.onnx").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider);
        error.to_string()
    }

    #[test]
    fn a_graph_on_the_provider_that_was_asked_for_is_accepted() {
        for device in Device::ALL {
            placed(&[(device.provider(), &[("MatMul", 40), ("Softmax", 10)])]).require(device, "a graph").unwrap();
        }
    }

    /// A provider leaves the arithmetic of shapes to the CPU.
    #[test]
    fn shapes_may_be_computed_on_the_cpu() {
        for device in Device::ALL.into_iter().filter(|&device| device != Device::Cpu) {
            let shapes: &[_] = &[("Shape", 3), ("Gather", 4), ("Concat", 2), ("Unsqueeze", 6)];
            placed(&[(device.provider(), &[("MatMul", 40)]), (CPU, shapes)]).require(device, "a graph").unwrap();
        }
    }

    #[test]
    fn a_heavy_operator_on_the_cpu_is_a_fallback() {
        // Those of the graphs that the exporter writes, by name: one that is left out of HEAVY is missed here.
        let products = ["Conv", "Gemm", "MatMul", "MatMulInteger", "MultiHeadAttention"];
        for device in Device::ALL.into_iter().filter(|&device| device != Device::Cpu) {
            let norms = ["LayerNormalization", "SkipLayerNormalization"];
            let others = ["Softmax", "Gelu", "BiasGelu", "radzero:Linear", "radzero:Attention"];
            for heavy in products.into_iter().chain(norms).chain(others) {
                let placement =
                    placed(&[(device.provider(), &[("MatMul", 40), (heavy, 3)]), (CPU, &[("Shape", 5), (heavy, 1)])]);
                assert_eq!(
                    refused(&placement, device),
                    format!(
                        "image_encoder.onnx does not run on {device}: {} expected, 1 x {heavy} on {CPU} found",
                        device.provider()
                    )
                );
            }
        }
    }

    /// TensorRT without its graph: CUDA is a GPU too, but not what was asked for.
    #[test]
    fn another_provider_is_a_fallback_too() {
        let placement = placed(&[
            (CPU, &[("Conv", 1), ("Shape", 2)]),
            ("CUDAExecutionProvider", &[("MatMul", 7)]),
            ("TensorrtExecutionProvider", &[("Softmax", 1)]),
        ]);
        let error = refused(&placement, Device::TensorRt(0));
        assert!(
            error.contains("1 x Conv on CPUExecutionProvider, 7 x MatMul on CUDAExecutionProvider found"),
            "{error}"
        );
        assert!(refused(&placement, Device::Cpu).contains("CPUExecutionProvider expected, 7 x MatMul on CUDA"));
    }

    #[test]
    fn a_provider_that_runs_nothing_is_not_the_one_that_was_asked_for() {
        let placement = placed(&[(CPU, &[("Shape", 2), ("Gather", 1)])]);
        for device in Device::ALL.into_iter().filter(|&device| device != Device::Cpu) {
            let expected = format!("does not run on {device}: {} expected, {CPU}: 3 nodes found", device.provider());
            assert!(refused(&placement, device).ends_with(&expected));
        }
        for device in Device::ALL {
            let error = refused(&placed(&[]), device);
            let expected = format!("does not run on {device}: {} expected, nothing found", device.provider());
            assert!(error.ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn own_operators_are_told_from_others_of_the_same_name() {
        for (operator, own) in [
            (format!("{DOMAIN}:Linear"), true),
            (format!("{DOMAIN}:Attention"), true),
            ("Attention".to_owned(), false),
            (format!("{DOMAIN}s:Linear"), false),
        ] {
            let placement = placed(&[(CPU, &[("MatMul", 1), (&operator, 2)])]);
            assert_eq!(placement.has_own_operators(), own, "{operator}");
        }
        assert!(!placed(&[]).has_own_operators());
    }

    #[test]
    fn nodes_are_counted_by_provider() {
        let placement = placed(&[("CUDAExecutionProvider", &[("MatMul", 40), ("Gemm", 2)]), (CPU, &[("Shape", 5)])]);
        let providers: Vec<_> = placement.providers().collect();
        assert_eq!(providers, [(CPU, 5), ("CUDAExecutionProvider", 42)]);
        assert_eq!(placement.to_string(), "CPUExecutionProvider: 5 nodes, CUDAExecutionProvider: 42 nodes");
    }
}
