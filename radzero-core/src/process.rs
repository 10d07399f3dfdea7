//! Which process a model belongs to.

use radzero_format::{Error, ErrorKind, Result};

/// The process that opened a model or started a queue.
///
/// A forked child has a copy of its memory but none of its threads, so a call in the child would wait for them forever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// # Errors
    /// [`ErrorKind::Forked`] in another process.
    pub(crate) fn check(self) -> Result<()> {
        let found = std::process::id();
        if found == self.0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forked,
            format!(
                "opened by process {}, used in its forked child {found}, which has none of its threads: open models and start \
                 queues after the fork",
                self.0
            ),
        ))
    }
}
