//! A task whose output nobody reads runs to its end.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

#[test]
fn a_reader_that_is_gone_does_not_end_a_task() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // Any file that is there: set-up leaves a library of the caller's alone, and says so.
    command.arg("setup").env("ORT_DYLIB_PATH", env!("CARGO_BIN_EXE_xtask"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
