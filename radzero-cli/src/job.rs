//! The loop over images that several commands share.
//!
//! Checks everything that needs no model, opens the model, encodes the prompts once, then handles the images in order. Memory
//! does not grow with their number.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use radzero_core::radiograph::ReadOptions;
use radzero_core::runtime::Placement;
use radzero_core::{
    Answer, Cancellation, Comparison, EncoderQueue, Error, ErrorKind, RadZero, Radiograph, Request, set_threads,
};

use crate::NOTICE;
use crate::args::{JobArgs, ModelArgs};
use crate::console::{Console, one_line};
use crate::error::{Completion, Failure};
use crate::interrupt;
use crate::output::files::OutputFiles;

/// An image, compared with every prompt.
pub(crate) struct ComparedImage<'a> {
    pub(crate) path: &'a Path,
    pub(crate) radiograph: &'a Radiograph,
    pub(crate) comparisons: &'a [Comparison],
    pub(crate) model: &'a RadZero,
}

/// What a command prints and writes for each image.
pub(crate) trait ImageReport {
    /// Whether to print JSON only.
    fn json(&self) -> bool {
        false
    }

    /// The files that it writes.
    fn files(&self) -> Option<&OutputFiles>;

    /// The text before the first result.
    fn heading(&self) -> Option<String> {
        None
    }

    /// Writes the files of an image, and returns the text to print.
    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure>;
}

/// Runs `report` over the images of `args`.
pub(crate) fn run(args: &JobArgs, report: &impl ImageReport) -> Result<Completion, Failure> {
    if report.json() {
        let directory = report.files().map(OutputFiles::directory);
        check_unicode(args.images.iter().map(PathBuf::as_path).chain(directory))?;
    }
    if let Some(files) = report.files() {
        files.check(&args.images)?;
    }
    let model = Arc::new(open(&args.model)?);
    let prompts = model.encode_prompts(&args.prompts)?;
    if let Some(files) = report.files() {
        files.create_directory()?;
        interrupt::install()?;
    }

    let mut console = Console::new(args.images.len(), report.json(), report.files().is_some());
    console.note(NOTICE);
    console.note(&about(&model));
    if let Some(heading) = report.heading() {
        console.result(&heading)?;
    }
    // Reads and encodes the next images while the results of this one are written.
    let queue = EncoderQueue::new(model.clone())?;
    let options = args.read.options();
    let requests = args.images.iter().map(|path| {
        let source = path.clone();
        (path, Request::read_with(move |_| read(&options, &source)))
    });
    for (path, answer) in queue.encode_all(requests, &Cancellation::new())? {
        let report = |Answer { radiograph, encoded, .. }: Answer| {
            let comparisons = model.compare(&encoded, &prompts)?;
            report.image(&ComparedImage { path, radiograph: &radiograph, comparisons: &comparisons, model: &model })
        };
        let result = answer.map_err(Failure::from).and_then(report);
        console.step();
        match result {
            Ok(text) => console.result(&text)?,
            Err(failure) => console.failed(path, &failure),
        }
    }
    Ok(console.finish())
}

/// Opens the model on its device, with the same number of threads for inference and everything else.
pub(crate) fn open(args: &ModelArgs) -> Result<RadZero, Failure> {
    args.check()?;
    let mut builder = RadZero::builder(&args.model).device(args.device);
    if let Some(bytes) = args.memory_limit() {
        builder = builder.memory_limit(bytes);
    }
    if let Some(folder) = &args.engine_cache {
        builder = builder.engine_cache(folder);
    }
    if let Some(threads) = args.threads {
        builder = builder.threads(threads);
        set_threads(threads)?;
    }
    Ok(builder.open()?)
}

/// Model, execution provider and runtime, as a line for the user.
fn about(model: &RadZero) -> String {
    format!(
        "Model {} {}, {}, ONNX Runtime {}",
        one_line(&model.manifest().name),
        model.directory().hash(),
        placement(model.image_placement()),
        model.runtime().version()
    )
}

/// The number of nodes on each execution provider.
pub(crate) fn placement(placement: Option<&Placement>) -> String {
    placement.map_or_else(|| "not opened".to_owned(), ToString::to_string)
}

/// Reads an image. Errors do not name its path; the report of the error adds it.
pub(crate) fn read(options: &ReadOptions, path: &Path) -> radzero_core::Result<Radiograph> {
    let failed = |source: std::io::Error| {
        Error::new(ErrorKind::of_io(&source, ErrorKind::Io), "cannot read the file").with_source(source)
    };
    options.read_bytes(&fs::read(path).map_err(failed)?)
}

/// A path as JSON text.
pub(crate) fn unicode(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::NotUnicode(path.to_owned()))
}

/// Refuses paths that are not Unicode, as JSON could not represent them.
pub(crate) fn check_unicode<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Failure> {
    match paths.into_iter().find(|path| path.to_str().is_none()) {
        Some(path) => Err(Failure::NotUnicode(path.to_owned())),
        None => Ok(()),
    }
}
