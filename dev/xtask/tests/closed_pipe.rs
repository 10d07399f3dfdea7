//! A task runs to its end even if nobody reads its output.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

#[test]
fn a_closed_pipe_does_not_end_a_task() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // Any existing file will do: set-up does not inspect the caller's library, and prints its path.
    command.arg("setup").env("ORT_DYLIB_PATH", env!("CARGO_BIN_EXE_xtask"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
