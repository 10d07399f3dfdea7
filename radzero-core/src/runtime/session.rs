//! One session a graph, opened against its contract and called through `&self`.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, ArrayView4, ArrayViewD};
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use radzero_format::manifest::{self, Dimension, Element, Graph, ModelDirectory, Tensor};
use radzero_format::record::EncoderRecord;
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;

use super::queue::{Patience, Queue};
use super::{Cancellation, Device, Placement, Runtime, failure, kernels, placement, providers, threads};

/// A host's own change to the session options.
pub(crate) type Configure = Arc<dyn Fn(SessionBuilder) -> ort::Result<SessionBuilder> + Send + Sync>;

/// How sessions are opened.
#[derive(Clone)]
pub(crate) struct SessionOptions {
    pub(crate) device: Device,
    pub(crate) threads: NonZeroUsize,
    /// Bytes of device memory that a provider on a GPU may take.
    pub(crate) memory_limit: Option<usize>,
    /// Where TensorRT engines are kept.
    pub(crate) engine_cache: Option<PathBuf>,
    /// Known once the model and the library are.
    pub(crate) model_hash: String,
    pub(crate) library_version: String,
    /// Callers that may wait for a graph; any number without.
    pub(crate) max_waiting: Option<usize>,
    pub(crate) configure: Option<Configure>,
    /// The project's own kernels, where they serve the device and the processor.
    pub(crate) kernels: Option<Kernels>,
}

/// A session that can be shared: calls queue up, first come, first served.
///
/// `ort` lets only one run at a time use a session. That is also what is fastest on a CPU, where one run uses all cores;
/// several sessions side by side brought nothing.
struct Shared {
    session: Queue<Session>,
    placement: Arc<Placement>,
    record: EncoderRecord,
    graph: String,
}

impl Shared {
    fn open(runtime: &Runtime, directory: &ModelDirectory, graph: &Graph, options: &SessionOptions) -> Result<Self> {
        let path = directory.file(&graph.file);
        threads::check(options.threads)?;
        let mut builder = configured(runtime, options).map_err(|error| {
            failure::error(ErrorKind::Runtime, format!("cannot prepare a session for {}", path.display()), error)
        })?;
        if let Some(kernels) = options.kernels {
            let domain = kernels::domain(kernels, options.threads);
            builder = domain.and_then(|domain| Ok(builder.with_operators(domain)?)).map_err(|error| {
                failure::error(ErrorKind::Runtime, "cannot hand the kernels to ONNX Runtime", error)
            })?;
        }
        if let Some(provider) = providers::dispatch(options, directory.manifest(), graph)? {
            builder = builder
                .with_execution_providers([provider])
                .map_err(|error| providers::refused(runtime, options.device, error.into()))?;
            providers::check_environment(options.device)?;
        }
        if let Some(configure) = &options.configure {
            builder = configure(builder)
                .map_err(|error| Error::new(ErrorKind::Argument, "configure_session failed").with_source(error))?;
        }
        let mut open = || builder.commit_from_file(&path);
        let session = if options.kernels.is_some() { kernels::opened(open) } else { open() }
            .map_err(|error| not_opened(runtime, options.device, &path, error))?;
        check_contract(&path, graph, &session)?;
        let placement = Arc::new(Placement::read(&session)?);
        placement.require(options.device, &graph.file)?;
        let kernels = options.kernels.filter(|_| placement.has_own_operators()).map(Kernels::name);
        let record = EncoderRecord::new(options.device, placement.nodes(), kernels, runtime.version());
        let session = Queue::new(session, options.max_waiting);
        Ok(Self { session, placement, record, graph: graph.file.clone() })
    }

    /// Runs the graph; `read` sees its only output while the session is held.
    fn run<T, const N: usize>(
        &self,
        inputs: [(&'static str, SessionInputValue<'_>); N],
        patience: Patience,
        cancellation: &Cancellation,
        read: impl FnOnce(ArrayViewD<'_, f32>) -> Option<T>,
    ) -> Result<T> {
        let failed = |error: ort::Error| failure::error(ErrorKind::Inference, format!("{} failed", self.graph), error);
        let inputs: Vec<_> = inputs.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        let options = RunOptions::new().map_err(failed)?;
        let mut session = self.session.wait(patience, cancellation)?;
        cancellation.during(options, |options| {
            let outputs = session.run_with_options(inputs, options).map_err(|error| match cancellation.check() {
                Err(cancelled) => cancelled,
                Ok(()) => failed(error),
            })?;
            let output = outputs[0].try_extract_array::<f32>().map_err(failed)?;
            let shape = output.shape().to_vec();
            read(output).ok_or_else(|| {
                Error::new(ErrorKind::Inference, format!("{} returned an output of shape {shape:?}", self.graph))
            })
        })
    }
}

fn configured(runtime: &Runtime, options: &SessionOptions) -> ort::Result<SessionBuilder> {
    let spinning = options.device != Device::Cpu;
    Ok(Session::builder(&runtime.environment)?
        .with_no_environment_execution_providers()?
        .with_intra_threads(options.threads.get())?
        // Resampling, similarity and maps use the same cores between runs: idle workers must not burn them.
        .with_intra_op_spinning(spinning)?
        // Weights stay mapped from the file: a start ten times as fast and half the memory, for 2 to 5 % of a run, and
        // those of the own operators lie as their kernels need them.
        .with_prepacking(false)?
        .with_config_entry(placement::RECORD_KEY, "1")?)
}

/// A provider looks for its device, and compiles the graph for it, only when a session is opened: what is no fault of the file is
/// the device's.
fn not_opened(runtime: &Runtime, device: Device, path: &Path, error: ort::Error) -> Error {
    use ort::ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    match (device, error.code()) {
        (Device::Cpu, _) | (_, InvalidGraph | InvalidProtobuf | NoModel | NoSuchFile) => {
            failure::error(ErrorKind::Model, format!("ONNX Runtime refuses {}", path.display()), error)
        }
        // Its libraries are there: it was registered.
        (Device::OpenVino | Device::OpenVinoBf16, _) => {
            failure::error(ErrorKind::Provider, format!("{device} cannot run {}", path.display()), error)
        }
        _ => providers::refused(runtime, device, error),
    }
}

/// Compares a session's inputs and outputs with the manifest and lists every difference.
fn check_contract(path: &Path, graph: &Graph, session: &Session) -> Result<()> {
    let (inputs, outputs) = (describe(session.inputs()), describe(session.outputs()));
    if agrees(&graph.inputs, &inputs) && agrees(&graph.outputs, &outputs) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Model,
        format!(
            "{}: tensors {} -> {} expected, {} -> {} found",
            path.display(),
            manifest::list(&graph.inputs),
            manifest::list(&graph.outputs),
            found(&inputs),
            found(&outputs)
        ),
    ))
}

/// A tensor as the session describes it, or what it is instead.
type Described = Result<Tensor, String>;

fn describe(outlets: &[Outlet]) -> Vec<Described> {
    outlets
        .iter()
        .map(|outlet| {
            let ValueType::Tensor { ty, shape, dimension_symbols } = outlet.dtype() else {
                return Err(format!("{} {:?}", outlet.name(), outlet.dtype()));
            };
            let element = match ty {
                TensorElementType::Uint8 => Element::U8,
                TensorElementType::Int64 => Element::I64,
                TensorElementType::Float32 => Element::F32,
                other => return Err(format!("{} {other}", outlet.name())),
            };
            let shape = shape
                .iter()
                .zip(dimension_symbols.iter())
                .map(|(&extent, symbol)| {
                    usize::try_from(extent).map_or_else(|_| Dimension::Free(symbol.clone()), Dimension::Fixed)
                })
                .collect();
            Ok(Tensor::new(outlet.name(), element, shape))
        })
        .collect()
}

fn agrees(expected: &[Tensor], found: &[Described]) -> bool {
    expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| found.as_ref() == Ok(expected))
}

fn found(tensors: &[Described]) -> String {
    let names: Vec<String> =
        tensors.iter().map(|tensor| tensor.as_ref().map_or_else(Clone::clone, ToString::to_string)).collect();
    names.join(", ")
}

/// The image graph.
pub(crate) struct ImageSession(Shared);

impl ImageSession {
    pub(crate) fn open(runtime: &Runtime, directory: &ModelDirectory, options: &SessionOptions) -> Result<Self> {
        Shared::open(runtime, directory, &directory.manifest().image_encoder, options).map(Self)
    }

    /// Pixels [batch, 3, S, S] to tokens [batch, 1 + N, D].
    pub(crate) fn run(
        &self,
        pixels: ArrayView4<'_, u8>,
        patience: Patience,
        cancellation: &Cancellation,
    ) -> Result<Array3<f32>> {
        let pixels = pixels.as_standard_layout();
        let input = TensorRef::from_array_view(pixels.view()).map_err(|error| invalid(&self.0.graph, error))?;
        self.0.run([("pixels", input.into())], patience, cancellation, |output| {
            output.into_dimensionality().ok().map(|tokens| tokens.to_owned())
        })
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.0.placement
    }

    /// What runs it.
    pub(crate) fn record(&self) -> &EncoderRecord {
        &self.0.record
    }
}

/// The text graph.
pub(crate) struct TextSession(Shared);

impl TextSession {
    pub(crate) fn open(runtime: &Runtime, directory: &ModelDirectory, options: &SessionOptions) -> Result<Self> {
        Shared::open(runtime, directory, &directory.manifest().text_encoder, options).map(Self)
    }

    /// Token ids and attention mask [n, L] to embeddings [n, D].
    pub(crate) fn run(&self, ids: ArrayView2<'_, i64>, mask: ArrayView2<'_, i64>) -> Result<Array2<f32>> {
        let ids = TensorRef::from_array_view(ids).map_err(|error| invalid(&self.0.graph, error))?;
        let mask = TensorRef::from_array_view(mask).map_err(|error| invalid(&self.0.graph, error))?;
        let inputs = [("input_ids", ids.into()), ("attention_mask", mask.into())];
        // A prompt takes milliseconds: not worth ending early.
        self.0.run(inputs, Patience::Bounded, &Cancellation::new(), |output| {
            output.into_dimensionality().ok().map(|embeddings| embeddings.to_owned())
        })
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.0.placement
    }

    /// What runs it.
    pub(crate) fn record(&self) -> &EncoderRecord {
        &self.0.record
    }
}

fn invalid(graph: &str, error: ort::Error) -> Error {
    failure::error(ErrorKind::Inference, format!("{graph}: input cannot be handed over"), error)
}

impl fmt::Debug for ImageSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSession").field("placement", &self.0.placement).finish_non_exhaustive()
    }
}

impl fmt::Debug for TextSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSession").field("placement", &self.0.placement).finish_non_exhaustive()
    }
}
