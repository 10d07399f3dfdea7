//! The program when nobody reads its output.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_reader_that_is_gone_does_not_change_the_verdict() {
    let run = |closed: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_radzero-models"));
        // Cargo's environment settings are relative to the workspace, but tests run in their package's folder.
        command.args(["--count", "2"]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if closed {
            drop(child.stdout.take());
        }
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(true), run(false));
}
