//! One session per graph, checked against the manifest when it is opened and called through `&self`.

use std::fmt::{self, Debug};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use half::f16;
use half::slice::HalfFloatSliceExt;
use ndarray::{Array2, Array3, ArrayView4, ArrayViewMut3, ArrayViewMut4, Ix2, ShapeError};
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session};
use ort::value::{Outlet, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType};
use radzero_format::manifest::{self, Dimension, Element, Graph, ModelDirectory, Precision, Tensor};
use radzero_format::record::{EncoderRecord, ImageRecord};
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;
use radzero_pool as pool;
use radzero_score::{EncodedImage, TokenMemory};

use crate::cancellation::Cancellation;

use super::buffers::{Buffer, Buffers};
use super::gate::{Gate, Pass, Patience};
use super::options::SessionOptions;
use super::providers::{self, Blame, Provider};
use super::run_thread::RunThread;
use super::{Device, Placement, Runtime, failure, in_place, kernels, placement, threads};

/// A session shared by all callers, first come, first served.
///
/// `ort` allows one run at a time per session. On a CPU that is also fastest, as one run uses all cores; several sessions side by
/// side gained nothing.
struct Shared {
    /// Stands before the session's lock, which would let callers overtake each other.
    gate: Gate,
    /// Makes the runs on a GPU; on a CPU, each caller makes its own. Comes before the session because fields are dropped in order.
    thread: Option<RunThread>,
    session: Arc<Mutex<Session>>,
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
        let thread = if options.device.is_gpu() { Some(RunThread::start()?) } else { None };
        // The thread has its next run at hand, so that the device need not wait until callers have woken each other.
        let width = if thread.is_some() { STAGED } else { 1 };
        let (gate, session) = (Gate::new(width, limit), Arc::new(Mutex::new(session)));
        Ok(Self { gate, thread, session, placement, record, graph: graph.file.clone() })
    }

    /// Holds the session during a run that `cancellation` can end.
    fn during<T: Send + 'static>(
        &self,
        patience: Patience,
        cancellation: &Cancellation,
        run: impl FnOnce(&mut Session, &RunOptions) -> ort::Result<T> + Send + 'static,
    ) -> Result<T> {
        let options = RunOptions::new().map_err(|error| self.failed(error))?;
        let _turn = self.gate.enter(patience, cancellation)?;
        let options = Arc::new(options);
        let ended = options.clone();
        // Fails only if ONNX Runtime lacks the call. The cancellation is then noticed after the run.
        let _listening = cancellation.listen(move || drop(ended.terminate()))?;
        let session = self.session.clone();
        let run = move || run(&mut locked(&session), &options);
        let result = match &self.thread {
            Some(thread) => thread.run(run)?,
            None => run(),
        };
        result.map_err(|error| match cancellation.check() {
            Err(cancelled) => cancelled,
            Ok(()) => self.failed(error),
        })
    }

    fn failed(&self, error: ort::Error) -> Error {
        failure::error(ErrorKind::Inference, format!("{} failed", self.graph), error)
    }
}

fn locked(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    // An earlier caller's panic leaves nothing half done.
    session.lock().unwrap_or_else(PoisonError::into_inner)
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
                TensorElementType::Float16 => Element::F16,
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

/// The most images in one run on a GPU. Larger batches were no faster per image on an H200.
pub(crate) const GPU_BATCH: usize = 8;

/// How many batches may lie in the session's memory: the one that runs, and the next, which is copied there meanwhile.
const STAGED: usize = 2;

/// The image graph.
pub(crate) struct ImageSession {
    shared: Shared,
    /// Callers pass it before they make the pixels of their images.
    callers: Gate,
    /// Batches pass it before they are copied into the session's memory.
    staged: Gate,
    pixels: Arc<Buffers<u8>>,
    tokens: TokenBuffers,
    memory: TokenMemory,
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
        let session = locked(&shared.session);
        let provider = providers::of(options.device)?;
        let memory = || provider.host_memory().map_err(failed);
        let pixels = Buffers::new(&session, memory()?).map_err(failed)?;
        let tokens = match manifest.precision {
            Precision::Fp16 => TokenBuffers::F16(Buffers::new(&session, memory()?).map_err(failed)?),
            _ => TokenBuffers::F32(Buffers::new(&session, memory()?).map_err(failed)?),
        };
        drop(session);
        let shape = (manifest.dimensions.tokens(), manifest.dimensions.hidden);
        // A GPU may be faster than one core that makes pixels.
        let width = if options.device.is_gpu() { options.threads.get() } else { CALLERS };
        let (callers, staged) = (Gate::new(width, options.max_waiting), Gate::new(STAGED, None));
        Ok(Self { shared, callers, staged, pixels, tokens, memory: TokenMemory::default(), shape })
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
        // Before the session is free, so that the device does not wait for the copy. Only two at a time: the memory is page-locked.
        let _staged = self.staged.enter(Patience::Any, cancellation)?;
        let (input, shape) = ((pixels.len(), channels, height, width), (pixels.len(), self.shape.0, self.shape.1));
        let stacked = self.stack(pixels, input).map_err(|error| self.shared.failed(error))?;
        let batch = Batch { stacked, input, output: shape, pixels: self.pixels.clone() };
        let values = match &self.tokens {
            TokenBuffers::F16(tokens) => TokenValues::F16(self.encode(batch, tokens.clone(), cancellation)?),
            TokenBuffers::F32(tokens) => TokenValues::F32(self.encode(batch, tokens.clone(), cancellation)?),
        };
        self.memory.keep(pixels.len());
        Ok(ImageTokens { values, shape })
    }

    fn encode<T: PrimitiveTensorElementType + Debug + Clone + Send + 'static>(
        &self,
        batch: Batch,
        tokens: Arc<Buffers<T>>,
        cancellation: &Cancellation,
    ) -> Result<Buffer<T>> {
        self.shared.during(Patience::Any, cancellation, move |session, options| {
            let Batch { stacked, input, output, pixels } = batch;
            let mut values = tokens.take(output.0 * output.1 * output.2)?;
            let levels = ArrayView4::from_shape(input, stacked.values()).map_err(unexpected)?;
            let filled = ArrayViewMut3::from_shape(output, values.values_mut()).map_err(unexpected)?;
            match in_place::run(session, options, (c"pixels", levels), (c"tokens", filled)) {
                Ok(()) => {
                    pixels.settle();
                    tokens.settle();
                    Ok(values)
                }
                Err(error) => {
                    stacked.set_aside();
                    values.set_aside();
                    Err(error)
                }
            }
        })
    }

    /// Copies a batch of this shape into the session's memory, on all free cores.
    fn stack(&self, pixels: &[Array3<u8>], shape: (usize, usize, usize, usize)) -> ort::Result<Buffer<u8>> {
        let mut stacked = self.pixels.take(pixels.iter().map(Array3::len).sum())?;
        let mut batch = ArrayViewMut4::from_shape(shape, stacked.values_mut()).map_err(unexpected)?;
        pool::each(batch.outer_iter_mut().zip(pixels), |(mut image, pixels)| image.assign(pixels));
        Ok(stacked)
    }

    /// The memory for what callers get of the tokens.
    pub(crate) fn memory(&self) -> &TokenMemory {
        &self.memory
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

/// A batch in the session's memory.
struct Batch {
    stacked: Buffer<u8>,
    input: (usize, usize, usize, usize),
    /// Images, tokens per image, values per token.
    output: (usize, usize, usize),
    pixels: Arc<Buffers<u8>>,
}

/// Memory for tokens as the graph returns them.
enum TokenBuffers {
    F16(Arc<Buffers<f16>>),
    F32(Arc<Buffers<f32>>),
}

enum TokenValues {
    F16(Buffer<f16>),
    F32(Buffer<f32>),
}

/// The tokens of a batch. Dropping them frees the buffer for the next run.
pub(crate) struct ImageTokens {
    values: TokenValues,
    /// Images, tokens per image, values per token.
    shape: (usize, usize, usize),
}

impl ImageTokens {
    /// The encoding of one image of the batch, with tokens \[1 + N, D\].
    pub(crate) fn encoded(&self, index: usize, memory: &TokenMemory, record: ImageRecord) -> Result<EncodedImage> {
        let (_, tokens, width) = self.shape;
        let shape = (tokens, width);
        match &self.values {
            TokenValues::F16(values) => {
                memory.encoded(self.of(index, values), shape, HalfFloatSliceExt::convert_to_f32_slice, record)
            }
            TokenValues::F32(values) => {
                memory.encoded(self.of(index, values), shape, |tokens, values| values.copy_from_slice(tokens), record)
            }
        }
    }

    /// The tokens \[1 + N, D\] of one image of the batch.
    pub(crate) fn image(&self, index: usize) -> Result<Array2<f32>> {
        let (_, tokens, width) = self.shape;
        let values = match &self.values {
            TokenValues::F16(values) => self.of(index, values).to_f32_vec(),
            TokenValues::F32(values) => self.of(index, values).to_vec(),
        };
        Array2::from_shape_vec((tokens, width), values)
            .map_err(|_| Error::new(ErrorKind::Inference, format!("the image graph returned no image {index}")))
    }

    /// The values of one image; none if there is no such image.
    fn of<'a, T: PrimitiveTensorElementType + Debug>(&self, index: usize, values: &'a Buffer<T>) -> &'a [T] {
        let (_, tokens, width) = self.shape;
        values.values().chunks(tokens * width).nth(index).unwrap_or_default()
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
        ids: Array2<i64>,
        mask: Array2<i64>,
        patience: Patience,
        cancellation: &Cancellation,
    ) -> Result<Array2<f32>> {
        let expected = (ids.nrows(), self.width);
        let found = self.shared.during(patience, cancellation, move |session, options| {
            let ids = TensorRef::from_array_view(ids.view())?;
            let mask = TensorRef::from_array_view(mask.view())?;
            let inputs = ort::inputs!["input_ids" => ids, "attention_mask" => mask];
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
