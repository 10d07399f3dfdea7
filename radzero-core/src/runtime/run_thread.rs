//! The thread that makes all runs of a session on a GPU.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use radzero_format::{Error, ErrorKind, Result};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does work for others, who wait for the result.
///
/// ONNX Runtime's CUDA provider has its libraries' state once for every thread that runs a session, and each takes 80 ms to get
/// ready for a batch size that is new to it. With one thread, that happens once, no matter how many threads a host has.
pub(super) struct RunThread {
    /// `None` only while it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl RunThread {
    /// # Errors
    /// [`ErrorKind::Resources`] if the system refuses the thread.
    pub(super) fn start() -> Result<Self> {
        let (jobs, taken) = channel::<Job>();
        let thread =
            Builder::new().name("radzero-device".into()).spawn(move || taken.into_iter().for_each(|job| job()));
        let thread = thread.map_err(|refused| {
            Error::new(ErrorKind::Resources, "a session on a GPU needs a thread, and none can be had")
                .with_source(refused)
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// The result of `work`. One call at a time: later ones wait.
    ///
    /// # Errors
    /// [`ErrorKind::Inference`] if the thread is gone, which should not occur.
    ///
    /// # Panics
    /// If `work` does.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (result, done) = sync_channel(1);
        let job = move || {
            // The caller waits, so there is somebody to receive it.
            drop(result.send(catch_unwind(AssertUnwindSafe(work))));
        };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(job)).is_ok());
        match sent.then(|| done.recv()) {
            Some(Ok(Ok(result))) => Ok(result),
            Some(Ok(Err(panic))) => resume_unwind(panic),
            _ => Err(Error::new(ErrorKind::Inference, "the thread of the session has ended")),
        }
    }
}

impl Drop for RunThread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // It has no work left, and ends before the session does.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn one_thread_works_for_all_callers() {
        let device = RunThread::start().unwrap();
        let id = || thread::current().id();
        let ids: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| device.run(id).unwrap())).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|&other| other == ids[0] && other != id()));
    }

    #[test]
    fn a_panic_reaches_its_caller_only() {
        let device = RunThread::start().unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| device.run(|| panic!("a provider"))));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a provider"));
        assert_eq!(device.run(|| 7).unwrap(), 7);
    }
}
