//! One session per graph, checked against the manifest when it is opened and called through `&self`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut3, ArrayViewMut4, Axis, Ix2, ShapeError};
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use radzero_format::manifest::{self, Dimension, Element, Graph, ModelDirectory, Tensor};
use radzero_format::record::EncoderRecord;
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;

use crate::cancellation::Cancellation;

use super::buffers::{Buffer, Buffers};
use super::gate::{Gate, Pass, Patience};
use super::options::SessionOptions;
use super::providers::{self, Blame, Provider};
use super::{Device, Placement, Runtime, failure, in_place, kernels, placement, threads};

/// A session shared by all callers, first come, first served.
///
/// `ort` allows one run at a time per session. On a CPU that is also fastest, as one run uses all cores; several sessions side by
/// side gained nothing.
struct Shared {
    /// Stands before the session's lock, which would let callers overtake each other.
    gate: Gate,
    session: Mutex<Session>,
    placement: Arc<Placement>,
    record: EncoderRecord,
    graph: String,
}

impl Shared {
    /// Opens a session for which at most `limit` callers may wait.
    fn open(
        runtime: &Runtime,
        directory: &ModelDirectory,
        graph: &Graph,
        options: &SessionOptions,
        limit: Option<usize>,
    ) -> Result<Self> {
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
        let provider = providers::of(options.device)?;
        if let Some(registration) = provider.registration(options, directory.manifest(), graph)? {
            builder = builder
                .with_execution_providers([registration])
                .map_err(|error| runtime.unusable(options.device, error.into()))?;
            provider.check_environment()?;
        }
        if let Some(configure) = &options.configure {
            builder = configure(builder)
                .map_err(|error| Error::new(ErrorKind::Argument, "configure_session failed").with_source(error))?;
        }
        let mut open = || builder.commit_from_file(&path);
        let session = if options.kernels.is_some() { kernels::opened(open) } else { open() }
            .map_err(|error| not_opened(runtime, options.device, provider.as_ref(), &path, error))?;
        check_contract(&path, graph, &session)?;
        let placement = Arc::new(Placement::read(&session)?);
        placement.require(options.device, &graph.file)?;
        let kernels = options.kernels.filter(|_| placement.has_own_operators()).map(Kernels::name);
        let record = EncoderRecord::new(options.device, placement.nodes(), kernels, runtime.version());
        let (gate, session) = (Gate::new(1, limit), Mutex::new(session));
        Ok(Self { gate, session, placement, record, graph: graph.file.clone() })
    }

    /// Holds the session during a run that `cancellation` can end.
    fn during<T>(
        &self,
        patience: Patience,
        cancellation: &Cancellation,
        run: impl FnOnce(&mut Session, &RunOptions) -> ort::Result<T>,
    ) -> Result<T> {
        let options = RunOptions::new().map_err(|error| self.failed(error))?;
        let _turn = self.gate.enter(patience, cancellation)?;
        let options = Arc::new(options);
        let ended = options.clone();
        // Fails only if ONNX Runtime lacks the call. The cancellation is then noticed after the run.
        let _listening = cancellation.listen(move || drop(ended.terminate()))?;
        run(&mut self.session(), &options).map_err(|error| match cancellation.check() {
            Err(cancelled) => cancelled,
            Ok(()) => self.failed(error),
        })
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // An earlier caller's panic leaves nothing half done.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: ort::Error) -> Error {
        failure::error(ErrorKind::Inference, format!("{} failed", self.graph), error)
    }
}

fn configured(runtime: &Runtime, options: &SessionOptions) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(&runtime.environment)?
        .with_no_environment_execution_providers()?
        .with_intra_threads(options.threads.get())?
        // Between runs, and beside a GPU, reading, resampling and maps need the cores: idle threads must not spin.
        .with_intra_op_spinning(false)?
        // Weights stay mapped from the file: models open ten times as fast and take half the memory, and runs take 2 to 5 %
        // longer. The project's own operators have their weights in the order that their kernels read.
        .with_prepacking(false)?
        .with_config_entry(placement::RECORD_KEY, "1")?)
}

/// The error for a session that cannot be opened. A provider looks for its device and compiles the graph only now, so it may be
/// the model's fault or the device's.
fn not_opened(runtime: &Runtime, device: Device, provider: &dyn Provider, path: &Path, error: ort::Error) -> Error {
    use ort::ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    match (provider.blame(), error.code()) {
        (Blame::Model, _) | (_, InvalidGraph | InvalidProtobuf | NoModel | NoSuchFile) => {
            failure::error(ErrorKind::Model, format!("ONNX Runtime refuses {}", path.display()), error)
        }
        (Blame::Provider, _) => {
            failure::error(ErrorKind::Provider, format!("{device} cannot run {}", path.display()), error)
        }
        (Blame::Installation, _) => runtime.unusable(device, error),
    }
}

/// Compares a session's inputs and outputs with the manifest; the error lists both.
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

/// An input or output as the session describes it; an error says what it is instead of a tensor.
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

/// How many callers may hold an image's pixels at a time if the image graph runs on the CPU: the one being served, and the next.
const CALLERS: usize = 2;

/// The image graph.
pub(crate) struct ImageSession {
    shared: Shared,
    /// Callers pass it before they make the pixels of their images.
    callers: Gate,
    pixels: Arc<Buffers<u8>>,
    tokens: Arc<Buffers<f32>>,
    /// Tokens per image, and values per token.
    shape: (usize, usize),
}

impl ImageSession {
    pub(crate) fn open(runtime: &Runtime, directory: &ModelDirectory, options: &SessionOptions) -> Result<Self> {
        let manifest = directory.manifest();
        let shared = Shared::open(runtime, directory, &manifest.image_encoder, options, None)?;
        let failed = |error| {
            failure::error(
                ErrorKind::Provider,
                format!("{} gives no memory for images and tokens", options.device),
                error,
            )
        };
        let session = shared.session();
        let provider = providers::of(options.device)?;
        let memory = || provider.host_memory().map_err(failed);
        let pixels = Buffers::new(&session, memory()?).map_err(failed)?;
        let tokens = Buffers::new(&session, memory()?).map_err(failed)?;
        drop(session);
        let shape = (manifest.dimensions.tokens(), manifest.dimensions.hidden);
        // A GPU may be faster than one core that makes pixels.
        let width = if options.device.is_gpu() { options.threads.get() } else { CALLERS };
        Ok(Self { shared, callers: Gate::new(width, options.max_waiting), pixels, tokens, shape })
    }

    /// Waits until the caller may make its pixels. Thousands may wait, and hold no memory while they do.
    pub(crate) fn admit(&self, cancellation: &Cancellation) -> Result<Pass<'_>> {
        self.callers.enter(Patience::Bounded, cancellation)
    }

    /// Encodes a batch of pixels \[3, S, S\]. Others may use the session while the tokens are read.
    pub(crate) fn run(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<ImageTokens> {
        let sizes = |message| Err(Error::new(ErrorKind::Argument, message));
        let Some((channels, height, width)) = pixels.first().map(Array3::dim) else {
            return sizes("pixels of one image or more expected, none found".to_owned());
        };
        if let Some(other) = pixels.iter().map(Array3::dim).find(|other| *other != (channels, height, width)) {
            return sizes(format!("pixels of one size expected, {:?} and {other:?} found", (channels, height, width)));
        }
        let input = (pixels.len(), channels, height, width);
        let (tokens, hidden) = self.shape;
        let output = (pixels.len(), tokens, hidden);
        let values = self.shared.during(Patience::Any, cancellation, |session, options| {
            // Only now, so that waiting callers hold no page-locked memory.
            let mut stacked = self.pixels.take(pixels.len() * channels * height * width)?;
            let mut values = self.tokens.take(pixels.len() * tokens * hidden)?;
            let mut batch = ArrayViewMut4::from_shape(input, stacked.values_mut()).map_err(unexpected)?;
            for (mut image, pixels) in batch.outer_iter_mut().zip(pixels) {
                image.assign(pixels);
            }
            let filled = ArrayViewMut3::from_shape(output, values.values_mut()).map_err(unexpected)?;
            match in_place::run(session, options, (c"pixels", batch.view()), (c"tokens", filled)) {
                Ok(()) => {
                    self.pixels.settle();
                    self.tokens.settle();
                    Ok(values)
                }
                Err(error) => {
                    stacked.set_aside();
                    values.set_aside();
                    Err(error)
                }
            }
        })?;
        Ok(ImageTokens { values, shape: output })
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.shared.placement
    }

    /// What runs the graph, as results record it.
    pub(crate) fn record(&self) -> &EncoderRecord {
        &self.shared.record
    }
}

/// Cannot happen: a buffer has the length that was asked for.
fn unexpected(error: ShapeError) -> ort::Error {
    ort::Error::new(error.to_string())
}

/// The tokens of a batch. Dropping them frees the buffer for the next run.
pub(crate) struct ImageTokens {
    values: Buffer<f32>,
    /// Images, tokens per image, values per token.
    shape: (usize, usize, usize),
}

impl ImageTokens {
    /// The tokens \[1 + N, D\] of one image of the batch.
    pub(crate) fn image(&self, index: usize) -> Result<ArrayView2<'_, f32>> {
        match ArrayView3::from_shape(self.shape, self.values.values()) {
            Ok(all) if index < all.len_of(Axis(0)) => Ok(all.index_axis_move(Axis(0), index)),
            _ => Err(Error::new(ErrorKind::Inference, format!("the image graph returned no image {index}"))),
        }
    }
}

/// The text graph.
pub(crate) struct TextSession {
    shared: Shared,
    /// Values per embedding.
    width: usize,
}

impl TextSession {
    pub(crate) fn open(runtime: &Runtime, directory: &ModelDirectory, options: &SessionOptions) -> Result<Self> {
        let manifest = directory.manifest();
        let shared = Shared::open(runtime, directory, &manifest.text_encoder, options, options.max_waiting)?;
        Ok(Self { shared, width: manifest.dimensions.hidden })
    }

    /// Encodes token ids with their attention mask \[n, L\] to embeddings \[n, D\].
    pub(crate) fn run(
        &self,
        ids: ArrayView2<'_, i64>,
        mask: ArrayView2<'_, i64>,
        patience: Patience,
        cancellation: &Cancellation,
    ) -> Result<Array2<f32>> {
        let expected = (ids.nrows(), self.width);
        let ids = TensorRef::from_array_view(ids).map_err(|error| invalid(&self.shared.graph, error))?;
        let mask = TensorRef::from_array_view(mask).map_err(|error| invalid(&self.shared.graph, error))?;
        let inputs = ort::inputs!["input_ids" => ids, "attention_mask" => mask];
        let found = self.shared.during(patience, cancellation, |session, options| {
            let outputs = session.run_with_options(inputs, options)?;
            Ok(outputs[0].try_extract_array::<f32>()?.to_owned())
        })?;
        let shape = found.shape().to_vec();
        found.into_dimensionality::<Ix2>().ok().filter(|embeddings| embeddings.dim() == expected).ok_or_else(|| {
            let (rows, width) = expected;
            let message = format!("embeddings of shape [{rows}, {width}] expected, {shape:?} found");
            Error::new(ErrorKind::Inference, message)
        })
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.shared.placement
    }

    /// What runs the graph, as results record it.
    pub(crate) fn record(&self) -> &EncoderRecord {
        &self.shared.record
    }
}

fn invalid(graph: &str, error: ort::Error) -> Error {
    failure::error(ErrorKind::Inference, format!("{graph}: input cannot be handed over"), error)
}

impl fmt::Debug for ImageTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageTokens").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl fmt::Debug for ImageSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSession").field("placement", &self.shared.placement).finish_non_exhaustive()
    }
}

impl fmt::Debug for TextSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSession").field("placement", &self.shared.placement).finish_non_exhaustive()
    }
}
