//! The threads that compute.

/// Threads that share out tasks: ONNX Runtime's thread pool, or another.
pub trait Workers {
    /// The number of threads.
    fn count(&self) -> usize;

    /// Calls `task` once with each of `0..tasks`, in any order and on any thread, and returns when all are done.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// The calling thread alone.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl Workers for Serial {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// Calls `task` once for each part of the result, with exclusive access to it.
///
/// Each index is used once, so nobody ever waits for a mutex: it only turns access to a shared list into access to one part.
pub(crate) fn for_each_part<T: Send>(workers: &dyn Workers, parts: Vec<T>, task: impl Fn(usize, &mut T) + Sync) {
    let parts: Vec<std::sync::Mutex<T>> = parts.into_iter().map(std::sync::Mutex::new).collect();
    workers.run(parts.len(), &|index| {
        // Another task's panic has already spoilt the result, and ends whoever runs the tasks.
        let mut part = parts[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        task(index, &mut part);
    });
}
