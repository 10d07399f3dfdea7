//! Printing: results on standard output, everything else on standard error.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{Completion, Failure};

/// Prints a line on standard error. A failure is ignored: there is nowhere to report it.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints `text` on standard output and flushes. If the reader has closed it, the error ends the command.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Output(error),
    })
}

/// Prints the last output of a command whose work is done; a reader that has closed standard output misses nothing.
pub(crate) fn print_last(text: &str) -> Result<(), Failure> {
    match print(text) {
        Err(Failure::Closed) => Ok(()),
        other => other,
    }
}

/// Escapes control characters: file names and prompts must not control the terminal or break a line.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escape).collect::<String>().into()
}

/// [`one_line`] for each line of a text.
pub(crate) fn lines(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

/// A path as shown to the user.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

/// A progress bar on standard error, visible only on a terminal.
pub(crate) fn progress(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    // A malformed template only costs the bar its style.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Standard output and error of a loop over images, with its progress bar.
pub(crate) struct Console {
    bar: ProgressBar,
    json: bool,
    files: bool,
    left: usize,
    closed: bool,
    completion: Completion,
}

/// The line for a failed image on standard error, with `--json`.
#[derive(Serialize)]
struct FailedLine<'a> {
    image: Cow<'a, str>,
    kind: &'a str,
    error: String,
}

impl Console {
    /// A console for `images` images. With `json`, failures are reported as JSON and nothing else goes to standard error. `files`
    /// says that the command also writes files.
    pub(crate) fn new(images: usize, json: bool, files: bool) -> Self {
        let bar = match images {
            1 => ProgressBar::hidden(),
            _ => progress(images as u64, "{bar:32} {pos}/{len} images, {eta} left"),
        };
        Self { bar, json, files, left: images, closed: false, completion: Completion::Done }
    }

    /// Prints a note on standard error, unless with `json`.
    pub(crate) fn note(&self, line: &str) {
        if !self.json {
            self.bar.suspend(|| complain(line));
        }
    }

    /// Prints results on standard output. If it is closed, a loop that writes files continues without printing; any other loop
    /// ends with an error, unless no image is left.
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
        self.completion = Completion::SomeFailed;
        let message = failure.message();
        let line = if self.json {
            let failed = FailedLine { image: image.to_string_lossy(), kind: failure.kind(), error: message };
            serde_json::to_string(&failed).unwrap_or_else(|error| error.to_string())
        } else {
            format!("error: {}: {}", shown(image), one_line(&message))
        };
        self.bar.suspend(|| complain(&line));
    }

    /// Counts an image as done, before its results are printed.
    pub(crate) fn step(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.bar.inc(1);
    }

    /// Clears the progress bar, and says whether all images succeeded.
    pub(crate) fn finish(self) -> Completion {
        self.bar.finish_and_clear();
        self.completion
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
