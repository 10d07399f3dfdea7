//! What is printed, and where: results on standard output, everything else on standard error.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{Failure, Outcome};

/// Prints a line on standard error. There is nowhere to report that this failed.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints `text` on standard output at once. If whoever read it has enough, that ends the command before its work is done.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Output(error),
    })
}

/// Prints the last of a command that did all it had to: nothing is lost with a reader that has enough.
pub(crate) fn print_last(text: &str) -> Result<(), Failure> {
    match print(text) {
        Err(Failure::Closed) => Ok(()),
        other => other,
    }
}

/// The same text without control characters: file names and prompts must not steer a terminal or break a line.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escape).collect::<String>().into()
}

/// As [`one_line`], each line for itself.
pub(crate) fn lines(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

/// A path for people.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

/// A progress bar on standard error, invisible unless that is a terminal.
pub(crate) fn progress(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    // A malformed template is a mistake in this program that costs the bar its shape, not the command its result.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Standard output and error of a loop over images, around its progress bar.
pub(crate) struct Console {
    bar: ProgressBar,
    json: bool,
    files: bool,
    left: usize,
    closed: bool,
    outcome: Outcome,
}

/// An image that failed, on standard error with `--json`.
#[derive(Serialize)]
struct FailedImage<'a> {
    image: Cow<'a, str>,
    kind: &'a str,
    error: String,
}

impl Console {
    /// For `images` images; with `json`, failures are reported as JSON and nothing else is said; with `files`, files are
    /// written beside what is printed.
    pub(crate) fn new(images: usize, json: bool, files: bool) -> Self {
        let bar = match images {
            1 => ProgressBar::hidden(),
            _ => progress(images as u64, "{bar:32} {pos}/{len} images, {eta} left"),
        };
        Self { bar, json, files, left: images, closed: false, outcome: Outcome::Done }
    }

    /// Tells people something on standard error.
    pub(crate) fn note(&self, line: &str) {
        if !self.json {
            self.bar.suspend(|| complain(line));
        }
    }

    /// Prints results on standard output. Once that is closed, a loop that writes files goes on without it; another ends
    /// unless no image is left.
    pub(crate) fn result(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match self.bar.suspend(|| print(text)) {
            Err(Failure::Closed) if self.files || self.left == 0 => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Reports an image that failed.
    pub(crate) fn failed(&mut self, image: &Path, failure: &Failure) {
        self.outcome = Outcome::SomeFailed;
        let message = failure.message();
        let line = if self.json {
            let failed = FailedImage { image: image.to_string_lossy(), kind: failure.kind(), error: message };
            serde_json::to_string(&failed).unwrap_or_else(|error| error.to_string())
        } else {
            format!("error: {}: {}", shown(image), one_line(&message))
        };
        self.bar.suspend(|| complain(&line));
    }

    /// One image more is done, but for printing its results.
    pub(crate) fn step(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.bar.inc(1);
    }

    /// Takes the progress bar away.
    pub(crate) fn finish(self) -> Outcome {
        self.bar.finish_and_clear();
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_letters_kept() {
        assert_eq!(one_line("Größe \"a\" 한"), "Größe \"a\" 한");
        assert_eq!(one_line("a\u{1b}[2J\nb\t"), "a\\u{1b}[2J\\nb\\t");
        assert_eq!(lines("a\u{1b}[2J\n  b"), "a\\u{1b}[2J\n  b");
    }
}
