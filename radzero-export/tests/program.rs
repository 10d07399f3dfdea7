//! The program: what is left after a closed pipe and after an interruption.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use radzero_format::manifest::ModelDirectory;
use support::{Fixture, names};

fn start(fixture: &Fixture) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero-export"));
    command.arg(fixture.checkpoint()).arg(fixture.destination());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_reader_that_is_gone_does_not_fail_the_export() {
    let fixture = Fixture::new();
    fixture.write();
    let mut child = start(&fixture);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    ModelDirectory::open(fixture.destination()).unwrap().verify_files(|_| {}).unwrap();
}

/// Replaces a file by a named pipe.
fn pipe(path: &Path) {
    let new = path.with_extension("pipe");
    assert!(Command::new("mkfifo").arg(&new).status().unwrap().success());
    fs::rename(new, path).unwrap();
}

#[test]
fn an_interruption_leaves_nothing() {
    let fixture = Fixture::new();
    fixture.write();
    let tokenizer = fixture.checkpoint().join("tokenizer.json");
    let content = fs::read(&tokenizer).unwrap();
    let parent = fixture.destination().parent().unwrap().to_owned();
    for signal in ["-INT", "-TERM"] {
        pipe(&tokenizer);
        let mut child = start(&fixture);
        // Read once for the vocabulary and once for the hash. The third read, after both graphs, blocks.
        for _ in 0..2 {
            let mut reading = fs::OpenOptions::new().write(true).open(&tokenizer).unwrap();
            pipe(&tokenizer);
            reading.write_all(&content).unwrap();
        }
        let began = Instant::now();
        let written = || names(&parent).iter().any(|folder| parent.join(folder).join("text_encoder.onnx").exists());
        while !written() {
            assert_eq!(child.try_wait().unwrap(), None, "the export ended by itself");
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", names(&parent));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert!(names(&parent).is_empty(), "{signal}: {:?}", names(&parent));
    }
}
