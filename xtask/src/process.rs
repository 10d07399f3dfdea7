//! Running programs: what is run is shown so that it can be copied, and a failure names the program and what it said.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use crate::error::{Error, Result};

/// Lines of a failed program's output that an error repeats.
const OUTPUT_LINES: usize = 8;

/// Prints a line on standard output. A task's work does not depend on who reads about it, so that this failed is ignored.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// One program call.
pub(crate) struct Step {
    command: Command,
    help: &'static str,
}

impl Step {
    /// `program`, looked up in PATH; `help` says how to get it where it is missing.
    pub(crate) fn new(program: impl AsRef<OsStr>, help: &'static str) -> Self {
        Self { command: Command::new(program), help }
    }

    /// The cargo that runs this task.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), "install Rust")
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable; it is not shown, as a plain call finds the library too.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Shows the call and runs it; its output goes where this program's goes.
    ///
    /// # Errors
    /// [`Error::MissingTool`], [`Error::Start`], or [`Error::Failed`] on a non-zero exit.
    pub(crate) fn run(mut self) -> Result<()> {
        say!("$ {}", self.shown());
        let status = self.command.status();
        let status = status.map_err(|source| self.not_started(source))?;
        if status.success() { Ok(()) } else { Err(self.failed(status.to_string(), String::new())) }
    }

    /// Shows the call and runs it; its output is kept for the error, should it fail.
    ///
    /// # Errors
    /// As [`Step::run`]; [`Error::Failed`] repeats the last lines of what the program wrote.
    pub(crate) fn capture(mut self) -> Result<String> {
        say!("$ {}", self.shown());
        let output = self.command.output();
        let Output { status, stdout, stderr } = output.map_err(|source| self.not_started(source))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        let said = if stderr.trim_ascii().is_empty() { stdout } else { stderr };
        Err(self.failed(status.to_string(), last_lines(&String::from_utf8_lossy(&said))))
    }

    /// The call as a shell line, without the folder it runs in.
    pub(crate) fn shown(&self) -> String {
        let program = Path::new(self.command.get_program());
        // Cargo gives its own path in full: the name is what a reader would type.
        let program = match program.file_stem() {
            Some(stem) if stem == "cargo" => stem,
            _ => program.as_os_str(),
        };
        std::iter::once(quoted(program)).chain(self.command.get_args().map(quoted)).collect::<Vec<_>>().join(" ")
    }

    fn not_started(&self, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::NotFound {
            let tool = self.command.get_program().to_string_lossy().into_owned();
            return Error::MissingTool { tool, help: self.help };
        }
        Error::Start { command: self.shown(), source }
    }

    fn failed(&self, status: String, output: String) -> Error {
        Error::Failed { command: self.shown(), status, output }
    }
}

fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    if text.contains(['$', '`', '"', '\\', '!']) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    format!("\"{text}\"")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_line_that_a_shell_understands() {
        let step = Step::new("radzero", "").env("ORT_DYLIB_PATH", "target/onnx runtime").args([
            "infer",
            "--prompt",
            "There is cardiomegaly",
            "it's $5",
            "",
        ]);
        assert_eq!(step.shown(), r#"radzero infer --prompt "There is cardiomegaly" 'it'\''s $5' """#);
    }

    #[test]
    fn a_missing_program_is_named_with_its_help() {
        let error = Step::new("radzero-no-such-program", "install it").run().unwrap_err();
        assert_eq!(error.to_string(), "radzero-no-such-program was not found: install it");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_repeats_what_the_program_said() {
        let script = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i >&2; done; exit 3";
        let error = Step::new("/bin/sh", "").args(["-c", script]).capture().unwrap_err();
        let Error::Failed { status, output, .. } = &error else { panic!("{error:?}") };
        assert!(status.contains('3'), "{status}");
        assert_eq!(output, "line 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10");
        assert!(error.to_string().ends_with("\n  line 10"), "{error}");
    }

    #[test]
    fn keeps_only_the_last_lines() {
        let text: String = (0..20).map(|i| format!("{i}\n")).collect();
        assert_eq!(last_lines(&text), "12\n13\n14\n15\n16\n17\n18\n19");
        assert_eq!(last_lines("one"), "one");
    }
}
