//! Running programs: each command is printed so that it can be copied, and a failure quotes the program's output.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use crate::error::{Error, Result};

/// How many of the last lines of a failed program's output an error quotes.
const OUTPUT_LINES: usize = 8;

/// Prints a line on standard output. Failures are ignored: a task goes on if nobody reads its output.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A program to run.
pub(crate) struct Step {
    command: Command,
    help: &'static str,
}

impl Step {
    /// `program`, looked up in PATH; `help` says how to install it if it is missing.
    pub(crate) fn new(program: impl AsRef<OsStr>, help: &'static str) -> Self {
        Self { command: Command::new(program), help }
    }

    /// The cargo that started this task.
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

    /// Sets an environment variable, which is not printed with the command.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Prints the command and runs it, with this program's standard output and standard error.
    ///
    /// # Errors
    /// [`Error::MissingTool`], [`Error::Start`], or [`Error::Failed`] on a non-zero exit.
    pub(crate) fn run(mut self) -> Result<()> {
        say!("$ {}", self.shown());
        let status = self.command.status();
        let status = status.map_err(|source| self.not_started(source))?;
        if status.success() { Ok(()) } else { Err(self.failed(status.to_string(), String::new())) }
    }

    /// Prints the command, runs it, and returns its standard output.
    ///
    /// # Errors
    /// As [`Step::run`]; [`Error::Failed`] quotes the last lines that the program wrote.
    pub(crate) fn capture(mut self) -> Result<String> {
        say!("$ {}", self.shown());
        let output = self.command.output();
        let Output { status, stdout, stderr } = output.map_err(|source| self.not_started(source))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        let written = if stderr.trim_ascii().is_empty() { stdout } else { stderr };
        Err(self.failed(status.to_string(), last_lines(&String::from_utf8_lossy(&written))))
    }

    /// The command as a shell line, without the folder it runs in.
    pub(crate) fn shown(&self) -> String {
        let program = Path::new(self.command.get_program());
        // CARGO holds a full path; a person would type the name.
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
    fn a_command_is_shown_as_a_shell_understands_it() {
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
    fn the_error_of_a_missing_program_has_its_name_and_help() {
        let error = Step::new("radzero-no-such-program", "install it").run().unwrap_err();
        assert_eq!(error.to_string(), "radzero-no-such-program was not found: install it");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_quotes_the_end_of_the_output() {
        let script = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i >&2; done; exit 3";
        let error = Step::new("/bin/sh", "").args(["-c", script]).capture().unwrap_err();
        let Error::Failed { status, output, .. } = &error else { panic!("{error:?}") };
        assert!(status.contains('3'), "{status}");
        assert_eq!(output, "line 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10");
        assert!(error.to_string().ends_with("\n  line 10"), "{error}");
    }

    #[test]
    fn last_lines_keeps_at_most_eight() {
        let text: String = (0..20).map(|i| format!("{i}\n")).collect();
        assert_eq!(last_lines(&text), "12\n13\n14\n15\n16\n17\n18\n19");
        assert_eq!(last_lines("one"), "one");
    }
}
