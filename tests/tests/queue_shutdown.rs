//! Panics, draining, shutdown, and refused threads in the encoder queue; with a stand-in for the model.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use radzero_core::{Cancellation, EncoderQueue, ErrorKind, Radiograph, Request, Result, Ticket};
use radzero_tests::standin::{
    FAILS, Held, LONG, PANICS, StandIn, image_request, kind, level, queue, uniform, wait_until,
};

#[test]
fn errors_and_panics_reach_the_waiting_caller_and_the_queue_continues() {
    let queue = queue(StandIn::default(), 64);
    let panic_message = |ticket: Ticket| {
        let panic = catch_unwind(AssertUnwindSafe(|| ticket.wait())).unwrap_err();
        panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap()
    };
    let reading = Request::read_with(|_| -> Result<Radiograph> { panic!("a reader of the host's") });
    assert_eq!(panic_message(queue.submit(reading).unwrap()), "a reader of the host's");
    assert!(panic_message(queue.submit(image_request(PANICS)).unwrap()).contains("makes the encoder panic"));
    assert_eq!(kind(queue.submit(image_request(FAILS)).unwrap().wait()), Some(ErrorKind::Inference));
    assert_eq!(level(&queue.submit(image_request(9)).unwrap().wait().unwrap().encoded), 9);
    let status = queue.status().unwrap();
    assert_eq!((status.totals.failed, status.totals.answered, status.taken, status.in_progress), (3, 1, 0, 0));
}

/// A value of the caller's that panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a value of the host's");
        }
    }
}

/// Panics in drops and wakers of the caller's end neither the queue's threads nor the thread that watches deadlines.
#[test]
fn panics_in_the_callers_values_end_no_thread() {
    let queue = queue(StandIn::default(), 64);
    let held = Held::workers(&queue);
    let panicking = || {
        let value = PanicsOnDrop;
        Request::read_with(move |_| {
            let _value = &value;
            Ok(uniform(1))
        })
    };
    let late = || Instant::now() + Duration::from_millis(20);
    // While waiting in its lane: late, cancelled, dropped.
    assert_eq!(kind(queue.submit(panicking().deadline(late())).unwrap().wait()), Some(ErrorKind::Deadline));
    let cancellation = Cancellation::new();
    let cancelled = queue.submit(panicking().cancellation(&cancellation)).unwrap();
    cancellation.cancel();
    assert_eq!(kind(cancelled.wait()), Some(ErrorKind::Cancelled));
    drop(queue.submit(panicking()).unwrap());
    // Deadlines still work.
    assert_eq!(kind(queue.submit(image_request(1).deadline(late())).unwrap().wait()), Some(ErrorKind::Deadline));
    held.release();
    assert!(catch_unwind(AssertUnwindSafe(|| queue.submit(panicking()).unwrap().wait())).is_err());
    assert_eq!(level(&queue.submit(image_request(2)).unwrap().wait().unwrap().encoded), 2);

    // In a waker, on the thread that delivers answers.
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker of the host's");
        }
    }
    let waker = Waker::from(Arc::new(Panics));
    let held = Held::workers(&queue);
    let mut ticket = queue.submit(image_request(3)).unwrap();
    assert!(pin!(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending());
    held.release();
    assert_eq!(level(&ticket.wait().unwrap().encoded), 3);
    assert_eq!(level(&queue.submit(image_request(4)).unwrap().wait().unwrap().encoded), 4);

    // At the shutdown.
    let held = Held::workers(&queue);
    let waiting = queue.submit(panicking()).unwrap();
    drop(held.go);
    drop(held.tickets);
    drop(queue);
    assert!(waiting.is_done());
}

#[test]
fn the_last_clone_may_be_dropped_by_a_waker() {
    /// Owns the queue, like a task that an executor drops when it is woken.
    struct Owner(Mutex<Option<EncoderQueue<StandIn>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            // Not under the lock, because dropping the queue wakes the other tickets.
            let queue = self.0.lock().unwrap().take();
            drop(queue);
        }
    }
    for batch in [1, 4] {
        let queue = queue(StandIn { batch, run: Duration::from_millis(20), ..StandIn::default() }, 64);
        let encoder = queue.encoder().clone();
        let mut tickets: Vec<Ticket> = (0..12).map(|level| queue.submit(image_request(level)).unwrap()).collect();
        let waker = Waker::from(Arc::new(Owner(Mutex::new(Some(queue)))));
        for ticket in &mut tickets {
            let _ = pin!(ticket).poll(&mut Context::from_waker(&waker));
        }
        drop(waker);
        wait_until(|| Arc::strong_count(&encoder) == 1);
        assert!(tickets.iter().all(Ticket::is_done));
    }
}

#[test]
fn draining_answers_all_accepted_requests() {
    let queue = queue(StandIn { run: Duration::from_millis(20), ..StandIn::default() }, 64);
    let tickets: Vec<Ticket> = (1..=9).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    let (place, unused) = (queue.reserve().unwrap(), queue.reserve().unwrap());
    assert_eq!(kind(queue.drain(&Cancellation::after(Duration::from_millis(1)))), Some(ErrorKind::Deadline));
    // A request may still be submitted for a reserved place.
    thread::scope(|scope| {
        let drained = scope.spawn(|| queue.drain(&Cancellation::after(LONG)));
        assert_eq!(level(&place.submit(image_request(33)).unwrap().wait().unwrap().encoded), 33);
        assert_eq!(kind(queue.reserve()), Some(ErrorKind::ShutDown));
        drop(unused);
        drained.join().unwrap().unwrap();
    });
    for (ticket, expected) in tickets.into_iter().zip(1..) {
        assert_eq!(level(&ticket.wait().unwrap().encoded), expected);
    }
    assert_eq!(kind(queue.submit(image_request(1))), Some(ErrorKind::ShutDown));
    let status = queue.status().unwrap();
    assert_eq!((status.open, status.taken, status.totals.answered), (false, 0, 10));
    let requests = std::iter::repeat_with(|| ((), image_request(1)));
    let refused: Vec<_> = queue.encode_all(requests, &Cancellation::new()).unwrap().collect();
    assert_eq!(refused.len(), 1, "an endless loop ends");
    assert_eq!(kind(refused.into_iter().next().unwrap().1), Some(ErrorKind::ShutDown));
}

#[test]
fn shutting_down_ends_all_requests_and_threads() {
    let queue = queue(StandIn { run: Duration::from_secs(600), ..StandIn::default() }, 64);
    let tickets: Vec<Ticket> = (1..=9).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    wait_until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let encoder = queue.encoder().clone();
    let start = Instant::now();
    drop(queue);
    assert!(start.elapsed() < LONG);
    // No thread holds the encoder any more.
    assert_eq!(Arc::strong_count(&encoder), 1);
    for ticket in tickets {
        assert!(ticket.is_done());
        assert_eq!(kind(ticket.wait()), Some(ErrorKind::ShutDown));
    }
}

/// Every call returns when the threads have ended, and not before.
#[test]
fn several_threads_may_shut_a_queue_down() {
    let queue = queue(StandIn::default(), 64);
    let Held { go, tickets } = Held::workers(&queue);
    let place = queue.reserve().unwrap();
    let returned = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                queue.shut_down();
                returned.fetch_add(1, SeqCst);
            });
        }
        wait_until(|| tickets.iter().all(Ticket::is_done));
        thread::sleep(Duration::from_millis(50));
        assert_eq!((returned.load(SeqCst), queue.status().unwrap().workers), (0, 2));
        drop(go);
    });
    assert_eq!((returned.load(SeqCst), queue.status().unwrap().workers), (3, 0));
    assert_eq!(Arc::strong_count(queue.encoder()), 1);
    assert_eq!(kind(place.submit(image_request(1))), Some(ErrorKind::ShutDown));
    drop(tickets);
    assert_eq!(queue.status().unwrap().taken, 0);
}

/// A request of the queue owns its last clone.
#[test]
fn the_last_clone_may_be_dropped_on_a_thread_of_the_queue() {
    let queue = queue(StandIn::default(), 64);
    let encoder = queue.encoder().clone();
    let (own, (go, gone)) = (queue.clone(), channel::<()>());
    let gone = Mutex::new(gone);
    let ticket = queue.submit(Request::read_with(move |_| {
        let _ = gone.lock().unwrap().recv();
        drop(own);
        Ok(uniform(1))
    }));
    drop(queue);
    drop(go);
    assert_eq!(kind(ticket.unwrap().wait()), Some(ErrorKind::ShutDown));
    wait_until(|| Arc::strong_count(&encoder) == 1);
}

/// If the system refuses threads, the queue starts fewer workers, or fails if there are too few; it never hangs.
#[cfg(target_os = "linux")]
#[test]
fn a_queue_starts_fewer_workers_if_threads_are_refused() {
    // SAFETY: only returns a number.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("SKIPPED: only root can become a user whose threads are counted from none");
        return;
    }
    let start = |threads: usize, workers: usize| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_start-queue"))
            .args([threads.to_string(), workers.to_string()])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > LONG {
                child.kill().unwrap();
                panic!("{workers} workers with {threads} threads: it hangs");
            }
            thread::sleep(Duration::from_millis(5));
        }
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    if start(40, 1).trim() == "refused" {
        eprintln!("SKIPPED: this root cannot become another user");
        return;
    }
    // Besides the workers, there are the main thread and the queue's threads that encode and deliver.
    for (threads, expected) in [
        (1, "resources"),
        (2, "resources"),
        (3, "resources"),
        (4, "1 workers, 20 answers"),
        (6, "3 workers, 20 answers"),
        (40, "8 workers, 20 answers"),
    ] {
        assert_eq!(start(threads, 8).trim(), expected, "{threads} threads");
    }
}
