//! `start-queue THREADS WORKERS`: becomes a user who may have so many threads, starts a queue of so many workers, and prints how many there
//! are and how many of its requests are answered, or the kind of the error. A program of its own, as the limit is a process's.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    #[cfg(target_os = "linux")]
    {
        use std::num::NonZeroUsize;
        use std::sync::Arc;

        use radzero_core::{Cancellation, EncoderQueue, Request};
        use radzero_tests::standin::{StandIn, of_level};

        /// A user without a process.
        const NOBODY: libc::uid_t = 2_000_000_000;
        let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>().unwrap());
        let (threads, workers) = (numbers.next().unwrap(), numbers.next().unwrap());
        let limit = libc::rlimit { rlim_cur: threads as u64, rlim_max: threads as u64 };
        // SAFETY: calls of the system on this process, with values of its own.
        unsafe {
            // User names of other processes would be counted too.
            if libc::setuid(NOBODY + std::process::id()) != 0 {
                return println!("refused");
            }
            assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit), 0);
        }
        let builder = EncoderQueue::builder(Arc::new(StandIn { workers, ..StandIn::default() }));
        match builder.capacity(NonZeroUsize::MIN).start() {
            Ok(queue) => {
                let requests = (0..20).map(|level| (level, Request::radiograph(of_level(level))));
                let answers = queue.encode_all(requests, &Cancellation::new()).unwrap();
                let answered = answers.filter(|(_, answer)| answer.is_ok()).count();
                println!("{} workers, {answered} answers", queue.status().unwrap().workers);
            }
            Err(error) => println!("{}", error.kind()),
        }
    }
}
