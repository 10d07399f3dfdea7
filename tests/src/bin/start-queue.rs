//! `start-queue THREADS WORKERS` becomes a user with a limit of THREADS threads, and starts a queue with WORKERS workers. It prints
//! how many workers were started and how many requests are answered, or the kind of the error. This is a separate program because
//! the limit applies to a whole process.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    #[cfg(target_os = "linux")]
    {
        use std::num::NonZeroUsize;
        use std::sync::Arc;

        use radzero_core::{Cancellation, EncoderQueue, Request};
        use radzero_tests::standin::{StandIn, uniform};

        /// First of a range of user ids that have no processes.
        const NOBODY: libc::uid_t = 2_000_000_000;
        let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>().unwrap());
        let (threads, workers) = (numbers.next().unwrap(), numbers.next().unwrap());
        let limit = libc::rlimit { rlim_cur: threads as u64, rlim_max: threads as u64 };
        // SAFETY: system calls on this process, with a valid pointer to its own value.
        unsafe {
            // The threads of all processes of a user count, so each run takes another user.
            if libc::setuid(NOBODY + std::process::id()) != 0 {
                return println!("refused");
            }
            assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit), 0);
        }
        let builder = EncoderQueue::builder(Arc::new(StandIn { workers, ..StandIn::default() }));
        match builder.capacity(NonZeroUsize::MIN).start() {
            Ok(queue) => {
                let requests = (0..20).map(|level| (level, Request::radiograph(uniform(level))));
                let answers = queue.encode_all(requests, &Cancellation::new()).unwrap();
                let answered = answers.filter(|(_, answer)| answer.is_ok()).count();
                println!("{} workers, {answered} answers", queue.status().unwrap().workers);
            }
            Err(error) => println!("{}", error.kind()),
        }
    }
}
