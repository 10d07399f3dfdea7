//! Every kind of error is provoked through the public interface, and no message contains a prompt or bytes of a file.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ndarray::Array2;
use radzero_core::manifest::Manifest;
use radzero_core::radiograph::ReadOptions;
use radzero_core::record::Stored;
use radzero_core::{
    Cancellation, Device, EncodedImage, EncoderQueue, Encoders, Error, ErrorKind, RadZero, Radiograph, Request, Runtime,
};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// Stands for report text in prompts, and for a patient's name in files.
const SECRET: &str = "Doexylophone";

fn prompt() -> String {
    format!("Mrs {SECRET} has edema")
}

fn dicom(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom/files").join(name)
}

/// Messages of the errors provoked so far, by kind.
#[derive(Default)]
struct Provoked(BTreeMap<ErrorKind, Vec<String>>);

impl Provoked {
    /// Checks the kind and the messages of the error.
    #[track_caller]
    fn add<T>(&mut self, kind: ErrorKind, result: Result<T, Error>) {
        let Err(error) = result else { panic!("{kind} expected, no error found") };
        assert_eq!(error.kind(), kind, "{error:#}");
        self.add_message(kind, format!("{error} | {error:#} | {error:?}"));
    }

    /// Checks that the text has no secret in it.
    #[track_caller]
    fn add_message(&mut self, kind: ErrorKind, text: String) {
        for secret in [SECRET, &SECRET.to_lowercase(), "xylo"] {
            assert!(!text.contains(secret), "{kind}: {text}");
        }
        // The name of a PNG chunk as the decoder would print it.
        assert!(!text.contains("XYLo") && !text.contains("88, 89"), "{kind}: {text}");
        self.0.entry(kind).or_default().push(text);
    }
}

#[test]
fn every_kind_is_provoked_and_no_message_contains_a_prompt_or_bytes_of_a_file() {
    let mut provoked = Provoked::default();
    let exported = Exported::case("native");
    let model = Arc::new(exported.open());
    arguments(&mut provoked, &model);
    queues(&mut provoked, &model);
    images(&mut provoked);
    prompts(&mut provoked, &exported, &model);
    models(&mut provoked, &model);
    encodings(&mut provoked, &model);
    runtimes(&mut provoked, &exported);
    processes(&mut provoked, &exported);
    let missing: Vec<&ErrorKind> = ErrorKind::ALL
        .iter()
        .filter(|kind| !(provoked.0.contains_key(kind) || cfg!(not(unix)) && needs_unix(**kind)))
        .collect();
    assert!(missing.is_empty(), "not provoked: {missing:?}");
}

fn needs_unix(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Forked | ErrorKind::Resources)
}

fn radiograph() -> Radiograph {
    Radiograph::open(golden_path("images/gray8.png")).unwrap()
}

fn arguments(provoked: &mut Provoked, model: &RadZero) {
    let comparisons = model.infer(&radiograph(), &[prompt()]).unwrap();
    provoked.add(ErrorKind::Argument, comparisons[0].mask(1.5));
    provoked.add(ErrorKind::Argument, comparisons[0].map_at(0, 7));
    provoked.add(ErrorKind::Argument, "cuda:-1".parse::<Device>());
    let cancellation = Cancellation::new();
    cancellation.cancel();
    provoked.add(ErrorKind::Cancelled, model.encode_images_until(&[radiograph()], &cancellation));
    let late = Cancellation::after(Duration::ZERO);
    provoked.add(ErrorKind::Deadline, model.encode_prompts_until(&[prompt()], &late));
}

fn queues(provoked: &mut Provoked, model: &Arc<RadZero>) {
    let queue = EncoderQueue::builder(model.clone()).capacity(NonZeroUsize::MIN).start().unwrap();
    let place = queue.reserve().unwrap();
    let request = || Request::radiograph(radiograph()).prompts([prompt()]);
    provoked.add_message(ErrorKind::Busy, format!("{:?} {queue:?} {place:?}", request()));
    provoked.add(ErrorKind::Busy, queue.submit(request()));
    provoked.add(ErrorKind::EmptyPrompt, place.submit(request().prompts([prompt(), String::new()])).unwrap().wait());
    provoked.add(ErrorKind::Deadline, queue.submit(request().deadline(Instant::now())));
    let file = format!("/nowhere/{}.png", prompt().len());
    provoked.add(ErrorKind::Io, queue.submit(Request::path(file)).unwrap().wait());
    queue.shut_down();
    provoked.add(ErrorKind::ShutDown, queue.submit(request()));
}

fn images(provoked: &mut Provoked) {
    provoked.add(ErrorKind::Io, Radiograph::open("no such file.png"));
    let png = std::fs::read(golden_path("images/gray8.png")).unwrap();
    for (kind, bytes) in [
        (ErrorKind::NotAnImage, Vec::new()),
        (ErrorKind::NotAnImage, format!("a letter about {SECRET}").into_bytes()),
        (ErrorKind::UnsupportedImage, [b"GIF89a", SECRET.as_bytes()].concat()),
        (ErrorKind::DamagedImage, png[..png.len() / 2].to_vec()),
        (ErrorKind::DamagedImage, with_chunk(&png, *b"XYLo")),
        (ErrorKind::DamagedImage, [&[0xFF, 0xD8, 0xFF, 0xDB, 0, 15], SECRET.as_bytes()].concat()),
        (ErrorKind::ImageTooLarge, with_width(&png, 1_000_000)),
    ] {
        provoked.add(kind, Radiograph::from_bytes(&bytes));
    }
    provoked.add(ErrorKind::BlankImage, Radiograph::from_gray16(Array2::from_elem((3, 3), 7).view()));
    provoked.add(ErrorKind::BlankImage, Radiograph::from_gray(Array2::zeros((0, 3))));
    for (kind, names) in [
        (ErrorKind::NotAnImage, &["seg.dcm", "pr.dcm", "sr.dcm", "ko.dcm", "no_pixel_data.dcm"][..]),
        (ErrorKind::UnsupportedImage, &["jpeg_ls.dcm", "jpeg_progressive.dcm"]),
        (ErrorKind::ForProcessing, &["for_processing.dcm", "for_processing_class.dcm"]),
        (ErrorKind::FrameChoice, &["frames.dcm"]),
    ] {
        for name in names {
            provoked.add(kind, Radiograph::open(dicom(name)));
        }
    }
    let frame = ReadOptions { frame: Some(9), ..ReadOptions::default() };
    provoked.add(ErrorKind::FrameChoice, frame.open(dicom("frames.dcm")));
    // A patient's name in place of attributes that a message could quote.
    let plain = std::fs::read(dicom("plain.dcm")).unwrap();
    let changed = |value: &[u8], by: &[u8]| {
        let at = plain.windows(value.len()).position(|window| window == value).unwrap();
        let mut bytes = plain.clone();
        bytes[at..at + value.len()].copy_from_slice(&by.iter().copied().cycle().take(value.len()).collect::<Vec<_>>());
        bytes
    };
    for (kind, value) in
        [(ErrorKind::UnsupportedImage, &b"MONOCHROME2"[..]), (ErrorKind::UnsupportedImage, b"1.2.840.10008.1.2.1\0")]
    {
        provoked.add(kind, Radiograph::from_bytes(&changed(value, SECRET.as_bytes())));
    }
    // Float Pixel Data in place of Pixel Data, and pixel data without Rows.
    let float = changed(&[0xE0, 0x7F, 0x10, 0x00], &[0xE0, 0x7F, 0x08, 0x00]);
    provoked.add(ErrorKind::UnsupportedImage, Radiograph::from_bytes(&float));
    let no_rows = changed(&[0x28, 0x00, 0x10, 0x00], &[0x28, 0x00, 0x12, 0x00]);
    provoked.add(ErrorKind::DamagedImage, Radiograph::from_bytes(&no_rows));
    // JPEG frame headers: 12 bits, a height that a later marker gives, too wide.
    let frame = |precision: u8, rows: u16, columns: u16| {
        let [[a, b], [c, d]] = [rows.to_be_bytes(), columns.to_be_bytes()];
        vec![0xFF, 0xD8, 0xFF, 0xC1, 0, 11, precision, a, b, c, d, 1, 1, 0x11, 0, 0xFF, 0xD9]
    };
    provoked.add(ErrorKind::UnsupportedImage, Radiograph::from_bytes(&frame(12, 64, 64)));
    provoked.add(ErrorKind::UnsupportedImage, Radiograph::from_bytes(&frame(8, 0, 64)));
    provoked.add(ErrorKind::ImageTooLarge, Radiograph::from_bytes(&frame(8, 100, 20_000)));
    provoked.add(ErrorKind::DamagedImage, Radiograph::from_bytes(&plain[..plain.len() - 100]));
}

/// A PNG with another critical chunk after its header, whose checksum is wrong.
fn with_chunk(png: &[u8], name: [u8; 4]) -> Vec<u8> {
    const HEADER: usize = 33;
    let body = SECRET.as_bytes();
    let mut chunk = (body.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(body);
    chunk.extend((!crc(&chunk[4..])).to_be_bytes());
    [&png[..HEADER], &chunk, &png[HEADER..]].concat()
}

fn with_width(png: &[u8], width: u32) -> Vec<u8> {
    let mut bytes = png.to_vec();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    let checksum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// CRC-32 of a PNG chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

fn prompts(provoked: &mut Provoked, exported: &Exported, model: &RadZero) {
    provoked.add(ErrorKind::EmptyPrompt, model.encode_prompts(&[" "]));
    provoked.add(ErrorKind::EmptyPrompt, model.encode_prompts(&[prompt().as_str(), "\u{200b}"]));
    let long = format!("{} ", prompt()).repeat(200);
    provoked.add(ErrorKind::PromptTooLong, model.encode_prompts(&[prompt(), long]));
    // The scores overflow.
    let other = Exported::case("native");
    let file = other.directory().join("radzero.json");
    let mut manifest = Manifest::from_json(&std::fs::read(&file).unwrap()).unwrap();
    manifest.similarity.temperature = f32::from_bits(1);
    std::fs::write(&file, manifest.to_json().unwrap()).unwrap();
    provoked.add(ErrorKind::Inference, other.open().infer(&radiograph(), &[prompt()]));
    let image = RadZero::builder(exported.directory()).encoders(Encoders::Image).open().unwrap();
    provoked.add(ErrorKind::EncoderNotOpen, image.encode_prompts(&[prompt()]));
    let text = RadZero::builder(exported.directory()).encoders(Encoders::Text).open().unwrap();
    provoked.add(ErrorKind::EncoderNotOpen, text.encode_image(&radiograph()));
    busy(provoked, exported);
}

/// Calls from several threads, with waiting not allowed, until one finds the encoder busy.
fn busy(provoked: &mut Provoked, exported: &Exported) {
    let model = RadZero::builder(exported.directory()).max_waiting(0).open().unwrap();
    let (radiographs, done, start) = (vec![radiograph(); 16], AtomicBool::new(false), Instant::now());
    let refused = std::thread::scope(|scope| {
        let call = || {
            while !done.load(Ordering::SeqCst) && start.elapsed() < Duration::from_secs(60) {
                if let Err(error) = model.encode_images(&radiographs) {
                    done.store(true, Ordering::SeqCst);
                    return Some(error);
                }
            }
            None
        };
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        callers.into_iter().filter_map(|caller| caller.join().unwrap()).next()
    });
    provoked.add(ErrorKind::Busy, refused.map_or(Ok(()), Err));
    model.encode_image(&radiograph()).unwrap();
}

fn models(provoked: &mut Provoked, model: &RadZero) {
    let exported = Exported::case("native");
    provoked.add(ErrorKind::Model, RadZero::open(exported.scratch().join("nowhere")));
    let file = exported.directory().join("radzero.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("\"format_version\": 1", "\"format_version\": 7"),
        ("\"format_version\": 1", "\"requires\": [\"x\"], \"format_version\": 1"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        provoked.add(ErrorKind::ModelVersion, RadZero::open(exported.directory()));
    }
    std::fs::write(&file, &text).unwrap();
    let other = Exported::case("base").open();
    let image = other.encode_image(&radiograph()).unwrap();
    provoked.add(ErrorKind::OtherModel, model.compare(&image, &model.encode_prompts(&[prompt()]).unwrap()));
    let weights = exported.directory().join("image_encoder.onnx.data");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 8 * 4;
    bytes[middle..middle + 8192].iter_mut().skip(3).step_by(4).for_each(|sign| *sign ^= 0x80);
    std::fs::write(&weights, bytes).unwrap();
    provoked.add(ErrorKind::SelfTest, exported.open().self_test());
}

fn encodings(provoked: &mut Provoked, model: &RadZero) {
    let prompt = model.encode_prompts(&[prompt()]).unwrap().remove(0);
    let bytes = prompt.to_bytes(Stored::F16).unwrap();
    provoked.add(ErrorKind::Encoding, EncodedImage::from_bytes(&bytes));
    provoked.add(ErrorKind::Encoding, radzero_core::EncodedPrompt::from_bytes(&bytes[..bytes.len() - 1]));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("\\\"hash\\\":\\\"").unwrap() + 11;
    let mut changed = bytes.clone();
    changed[at] = b'X';
    provoked.add(ErrorKind::Encoding, radzero_core::EncodedPrompt::from_bytes(&changed));
}

fn runtimes(provoked: &mut Provoked, exported: &Exported) {
    let library = Runtime::discover().unwrap().library().to_owned();
    provoked.add(ErrorKind::Runtime, Runtime::load(exported.scratch().join("nowhere.so")));
    let copy = exported.scratch().join("libonnxruntime.so");
    std::fs::copy(library, &copy).unwrap();
    provoked.add(ErrorKind::RuntimeInUse, Runtime::load(copy));
    provoked.add(ErrorKind::Provider, RadZero::builder(exported.directory()).device(Device::OpenVino).open());
}

/// Errors that need a process of their own.
fn processes(provoked: &mut Provoked, exported: &Exported) {
    if cfg!(not(unix)) {
        return;
    }
    // Each thread's stack takes 8 MiB of address space, so a few hundred threads fit.
    let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", 4 << 20);
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_open-model")])
        .args([exported.directory().as_os_str(), "".as_ref(), "cpu".as_ref(), "2000".as_ref()])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("Resources: "), "{printed} {}", String::from_utf8_lossy(&output.stderr));
    provoked.add_message(ErrorKind::Resources, printed);

    let mut child = Command::new(env!("CARGO_BIN_EXE_fork-model"))
        .arg(exported.directory())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("a forked child hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(printed.starts_with("forked forked forked opened by process "), "{printed}");
    assert!(printed.contains("child goes on") && printed.contains("parent goes on, child ended with 0"), "{printed}");
    provoked.add_message(ErrorKind::Forked, printed);
}
