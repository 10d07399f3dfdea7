//! The service over plain TCP connections: its status codes, clients that disconnect, its shutdown, and a small load test.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::{GrayImage, ImageFormat, Luma};
use radzero_core::record::ResultRecord;
use radzero_core::{Comparison, RadZero, Radiograph};
use serde_json::Value;

const SENTENCES: [&str; 2] = ["There is nodule", "There is mass, 3 cm & round"];
const INFER: &str = "/infer?prompt=There+is%20nodule&prompt=There%20is%20mass%2C%203%20cm%20%26%20round";

const PATIENCE: Duration = Duration::from_secs(60);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name)
}

struct Service {
    process: Child,
    port: u16,
    /// Kept open, so that the service can write to it.
    _stderr: BufReader<ChildStderr>,
}

impl Service {
    fn start(model: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.arg(model).args(["--listen", "127.0.0.1:0"]).args(options);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        assert!(first.contains("never a chance of disease"), "{first}");
        let mut second = String::new();
        stderr.read_line(&mut second).unwrap();
        let port =
            second.trim_end().strip_prefix("listening on http://127.0.0.1:").unwrap_or_else(|| panic!("{second}"));
        Self { port: port.parse().unwrap(), process, _stderr: stderr }
    }

    /// Sends a request, or a part of one.
    fn send(&self, head: &str, body: &[u8]) -> Connection {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{head}\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        // The service may have answered the head already, and closed the connection.
        drop(stream.write_all(body));
        Connection(stream)
    }

    fn post(&self, path: &str, headers: &str, body: &[u8]) -> Connection {
        self.send(
            &format!("POST {path} HTTP/1.1{headers}\r\nconnection: close\r\ncontent-length: {}", body.len()),
            body,
        )
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nconnection: close"), b"").answer()
    }

    #[track_caller]
    fn refuses(&self, status: u16, name: &str, request: Connection) -> Answer {
        let answer = request.answer();
        assert_eq!((answer.status, answer.body["name"].as_str()), (status, Some(name)), "{}", answer.body);
        assert!(answer.body["code"].is_u64() && answer.body["message"].is_string(), "{}", answer.body);
        answer
    }

    /// Waits until this many places are taken and this many requests submitted, and returns the status of the queue.
    #[track_caller]
    fn status_when(&self, taken: u64, submitted: u64) -> Value {
        let start = Instant::now();
        loop {
            let status = self.get("/status").body;
            let count = |name: &str| status[name].as_u64().unwrap();
            if (count("taken"), count("waiting") + count("in_progress")) == (taken, submitted) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{taken} taken and {submitted} submitted expected: {status}");
            sleep(Duration::from_millis(2));
        }
    }

    /// Total of requests that were cancelled or missed their deadline, once the queue is empty.
    fn ended(&self) -> u64 {
        self.status_when(0, 0)["totals"]["ended"].as_u64().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

struct Connection(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Connection {
    #[track_caller]
    fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        let end = self.0.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{end:?}: {text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap() }
    }
}

/// A radiograph that is slow to decode and quick to send.
fn large() -> Vec<u8> {
    let gradient = GrayImage::from_fn(7000, 7000, |x, _| Luma([(x / 32) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    gradient.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn requests_are_answered_refused_or_cancelled() {
    let model = radzero_models::phantom().unwrap();
    let mut service = Service::start(&model.path(), &["--capacity", "2", "--max-body", "1", "--timeout", "60"]);
    let image = std::fs::read(file("golden/images/gray8.png")).unwrap();
    let large = large();
    assert!(large.len() < 1 << 20, "{}", large.len());

    // The result is that of the library.
    let answer = service.post(INFER, "", &image).answer();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert!(answer.body["notice"].as_str().unwrap().contains("never a chance of disease"));
    let library = RadZero::open(model.path()).unwrap();
    let found = library.infer(&Radiograph::from_bytes(&image).unwrap(), &SENTENCES).unwrap();
    let record = ResultRecord::from_json(answer.body.to_string().as_bytes()).unwrap();
    assert_eq!(record, Comparison::record(&found).unwrap());
    let dicom = std::fs::read(file("dicom/files/plain.dcm")).unwrap();
    assert_eq!(service.post(INFER, "", &dicom).answer().body["provenance"]["reading"]["origin"], "dicom");
    assert_eq!(service.get("/health").status, 200);

    // Faulty requests, and faulty images.
    service.refuses(400, "argument", service.post("/infer", "", &image));
    service.refuses(400, "argument", service.post("/infer?promt=a", "", &image));
    service.refuses(400, "prompt-empty", service.post("/infer?prompt=+", "", &image));
    service.refuses(400, "argument", service.post(INFER, "\r\nx-timeout-seconds: soon", &image));
    service.refuses(404, "argument", service.post("/", "", &image));
    service.refuses(405, "argument", service.send("GET /infer HTTP/1.1\r\nconnection: close", b""));
    service.refuses(415, "not-an-image", service.post(INFER, "", b"hello"));
    service.refuses(422, "image-damaged", service.post(INFER, "", &image[..image.len() / 2]));
    // Too large a body: by its stated length, and while it is received.
    let head = format!("POST {INFER} HTTP/1.1");
    service.refuses(413, "image-too-large", service.send(&format!("{head}\r\ncontent-length: 1048577"), b""));
    let chunk = [b"100001\r\n".as_slice(), &[0; (1 << 20) + 1], b"\r\n0\r\n\r\n"].concat();
    service.refuses(413, "image-too-large", service.send(&format!("{head}\r\ntransfer-encoding: chunked"), &chunk));

    // A place is reserved before the body is there, and released if the client disconnects or takes too long.
    let unfinished = format!("{head}\r\ncontent-length: {}", image.len());
    let holders = [0, 1].map(|_| service.send(&unfinished, &image[..100]));
    service.status_when(2, 0);
    let refused = service.refuses(503, "busy", service.send(&unfinished, b""));
    assert!(refused.head.contains("retry-after: 1") && refused.head.contains("connection: close"), "{}", refused.head);
    drop(holders);
    assert_eq!(service.ended(), 0);
    let slow = format!("{unfinished}\r\nx-timeout-seconds: 0.05");
    service.refuses(408, "deadline", service.send(&slow, &image[..100]));
    assert_eq!(service.ended(), 0);

    // The same holds once the request is submitted; then it counts as ended.
    service.refuses(504, "deadline", service.post(INFER, "\r\nx-timeout-seconds: 0.1", &large));
    assert_eq!(service.ended(), 1);
    let leaving = service.post(INFER, "", &large);
    service.status_when(1, 1);
    drop(leaving);
    assert_eq!(service.ended(), 2);
    assert_eq!(service.post(INFER, "", &image).answer().status, 200);

    // A request with a place is answered before the service stops, even if its body is yet to come.
    let [last, late] = [service.post(INFER, "", &large), service.send(&unfinished, &image[..100])];
    service.status_when(2, 1);
    let pid = i32::try_from(service.process.id()).unwrap();
    // SAFETY: the process is this test's own, and not waited for yet.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    assert_eq!(last.answer().status, 200);
    (&late.0).write_all(&image[100..]).unwrap();
    assert_eq!(late.answer().status, 200);
    assert!(service.process.wait().unwrap().success());
}

#[test]
fn the_service_passes_a_small_load_test() {
    let load = Path::new(env!("CARGO_MANIFEST_DIR")).join("load.py");
    let model = radzero_models::phantom().unwrap();
    let mut command = Command::new("python3");
    command.arg(load).arg(env!("CARGO_BIN_EXE_service")).arg(model.path()).args(["--small", "--rounds", "1"]);
    let Ok(output) = command.output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}
