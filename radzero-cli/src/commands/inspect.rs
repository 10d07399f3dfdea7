//! `radzero inspect`: how a file is read, and the picture that the model sees.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use ndarray::{Array3, Axis};
use radzero_core::Radiograph;
use radzero_core::manifest::{GeometryKind, ModelDirectory, Resample};
use radzero_core::pixels::to_model;
use radzero_core::radiograph::{
    Eligibility, Frame, IntensityPolicy, IntensityRule, Origin, TransferSyntax, Warning, identifiers,
};
use serde::Serialize;

use super::title;
use crate::args::InspectArgs;
use crate::console::{Console, one_line, shown};
use crate::error::{Completion, Failure};
use crate::output::files::{OutputFiles, write_whole};
use crate::{interrupt, job};

/// Inspects all files.
pub(crate) fn run(args: &InspectArgs) -> Result<Completion, Failure> {
    if args.json {
        job::check_unicode(args.files.iter().chain(&args.out).map(PathBuf::as_path))?;
    }
    let square = Square::of(args)?;
    let files = args.out.as_deref().map(|out| OutputFiles::per_image(out, "_model.png"));
    if let Some(files) = &files {
        files.check(&args.files)?;
        files.create_directory()?;
        interrupt::install()?;
    }
    let mut console = Console::new(args.files.len(), args.json, files.is_some());
    for path in &args.files {
        let inspected = inspect(args, path, square.as_ref(), files.as_ref());
        console.step();
        match inspected {
            Ok(text) => console.result(&text)?,
            Err(failure) => console.failed(path, &failure),
        }
    }
    Ok(console.finish())
}

/// The square that the model sees.
struct Square {
    kind: GeometryKind,
    size: usize,
}

impl Square {
    fn of(args: &InspectArgs) -> Result<Option<Self>, Failure> {
        if let Some(model) = &args.model {
            let directory = ModelDirectory::open(model)?;
            let manifest = directory.manifest();
            let (kind, size) = (manifest.preprocessing.geometry, manifest.dimensions.image_size);
            return Ok(Some(Self { kind, size }));
        }
        Ok(args.size.map(|size| Self { kind: GeometryKind::Stretch, size: size.into() }))
    }

    fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>, Failure> {
        Ok(to_model(radiograph, self.kind, self.size, Resample::Bicubic)?)
    }
}

fn inspect(
    args: &InspectArgs,
    path: &Path,
    square: Option<&Square>,
    files: Option<&OutputFiles>,
) -> Result<String, Failure> {
    let radiograph = job::read(&args.read.options(), path)?;
    let patient = match (args.phi, radiograph.origin()) {
        (true, Origin::Dicom) => Some(patient_identifiers(path)?),
        _ => None,
    };
    let paths = files.map_or(Ok(Vec::new()), |files| files.paths(path))?;
    let picture = paths.first().map(|path| path.as_path());
    if let (Some(picture), Some(square)) = (picture, square) {
        let png = png(square.pixels(&radiograph)?, radiograph.is_gray())?;
        write_whole(picture, |mut file| file.write_all(&png))?;
    }
    let inspected = Inspected { path, radiograph: &radiograph, picture, identifiers: patient };
    if args.json { inspected.json() } else { Ok(inspected.text()) }
}

/// Identifiers of patient and study, by name.
type Identifiers = BTreeMap<&'static str, String>;

fn patient_identifiers(path: &Path) -> Result<Identifiers, Failure> {
    let bytes = std::fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    Ok(identifiers(&bytes)?.iter().map(|(name, value)| (name, value.to_owned())).collect())
}

fn png(pixels: Array3<u8>, gray: bool) -> Result<Vec<u8>, Failure> {
    let side = pixels.dim().1 as u32;
    let image = if gray {
        let plane = pixels.index_axis(Axis(0), 0);
        GrayImage::from_raw(side, side, plane.iter().copied().collect()).map(DynamicImage::from)
    } else {
        let interleaved = pixels.permuted_axes([1, 2, 0]);
        RgbImage::from_raw(side, side, interleaved.iter().copied().collect()).map(DynamicImage::from)
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image.ok_or_else(|| Failure::Draw("the picture has another size than its pixels".into()))?;
    image.write_to(&mut bytes, ImageFormat::Png).map_err(|error| Failure::Draw(error.into()))?;
    Ok(bytes.into_inner())
}

struct Inspected<'a> {
    path: &'a Path,
    radiograph: &'a Radiograph,
    picture: Option<&'a Path>,
    identifiers: Option<Identifiers>,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    image: &'a str,
    width: usize,
    height: usize,
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_syntax: Option<TransferSyntax>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<Frame>,
    policy: IntensityPolicy,
    intensity: IntensityRule,
    gray: bool,
    level_min: u8,
    level_max: u8,
    warnings: &'a [Warning],
    #[serde(skip_serializing_if = "Option::is_none")]
    eligibility: Option<&'a Eligibility>,
    chest_radiograph: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers: Option<&'a Identifiers>,
    radzero: &'static str,
}

impl Inspected<'_> {
    fn text(&self) -> String {
        let radiograph = self.radiograph;
        let mut text = title(self.path, radiograph);
        let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<11}{value}\n"));
        let mut read = term_name(radiograph.origin());
        if let Some(syntax) = radiograph.transfer_syntax() {
            read.push_str(&format!(", {syntax}"));
        }
        if let Some(Frame { index, count }) = radiograph.frame().filter(|frame| frame.count > 1) {
            read.push_str(&format!(", frame {index} of {count}"));
        }
        line("read", read);
        line("intensity", format!("{}: {}", radiograph.policy(), radiograph.intensity()));
        let (min, max) = radiograph.levels().range();
        line("levels", format!("{}, {min} to {max}", if radiograph.is_gray() { "gray" } else { "colour" }));
        if let Some(stated) = radiograph.eligibility() {
            let terms = [
                term_name(stated.kind),
                term_name(stated.modality),
                term_name(stated.body_part),
                term_name(stated.view),
                term_name(stated.intent),
            ];
            let names = ["kind", "modality", "body part", "view", "intent"];
            let terms: Vec<String> = names.iter().zip(terms).map(|(name, term)| format!("{name} {term}")).collect();
            line("states", terms.join(", "));
            let verdict = match stated.is_chest_radiograph() {
                Some(true) => "yes",
                Some(false) => "no",
                None => "the file does not say enough",
            };
            line("chest", verdict.to_owned());
        }
        for warning in radiograph.warnings() {
            line("warning", warning.to_string());
        }
        if let Some(picture) = self.picture {
            line("picture", shown(picture));
        }
        for (name, value) in self.identifiers.iter().flatten() {
            line("phi", format!("{name} {}", one_line(value)));
        }
        text
    }

    fn json(&self) -> Result<String, Failure> {
        let (image, picture) = (job::unicode(self.path)?, self.picture.map(job::unicode).transpose()?);
        let radiograph = self.radiograph;
        let (level_min, level_max) = radiograph.levels().range();
        let line = JsonLine {
            image,
            width: radiograph.width(),
            height: radiograph.height(),
            origin: radiograph.origin(),
            transfer_syntax: radiograph.transfer_syntax(),
            frame: radiograph.frame(),
            policy: radiograph.policy(),
            intensity: radiograph.intensity(),
            gray: radiograph.is_gray(),
            level_min,
            level_max,
            warnings: radiograph.warnings(),
            eligibility: radiograph.eligibility(),
            chest_radiograph: radiograph.eligibility().and_then(Eligibility::is_chest_radiograph),
            picture,
            identifiers: self.identifiers.as_ref(),
            radzero: env!("CARGO_PKG_VERSION"),
        };
        let mut line = serde_json::to_string(&line).map_err(|error| Failure::Output(error.into()))?;
        line.push('\n');
        Ok(line)
    }
}

/// The name of a term, as in JSON.
fn term_name(term: impl Serialize) -> String {
    match serde_json::to_value(term) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
