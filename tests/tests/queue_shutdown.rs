//! What a queue lives through, and how it ends: panics, drain, shutdown, threads that are refused; with a stand-in for the model.

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
use radzero_tests::standin::{FAILS, Held, LONG, PANICS, StandIn, image, kind, level, of_level, queue, until};

#[test]
fn errors_and_panics_reach_those_who_wait_and_the_queue_goes_on() {
    let queue = queue(StandIn::default(), 64);
    let said = |ticket: Ticket| {
        let panic = catch_unwind(AssertUnwindSafe(|| ticket.wait())).unwrap_err();
        panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap()
    };
    let reading = Request::read_with(|_| -> Result<Radiograph> { panic!("a reader of the host's") });
    assert_eq!(said(queue.submit(reading).unwrap()), "a reader of the host's");
    assert!(said(queue.submit(image(PANICS)).unwrap()).contains("makes the encoder panic"));
    assert_eq!(kind(queue.submit(image(FAILS)).unwrap().wait()), Some(ErrorKind::Inference));
    assert_eq!(level(&queue.submit(image(9)).unwrap().wait().unwrap().encoded), 9);
    let status = queue.status().unwrap();
    assert_eq!((status.totals.failed, status.totals.answered, status.taken, status.in_progress), (3, 1, 0, 0));
}

/// A value of the caller's that cannot be dropped without a panic.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a value of the host's");
        }
    }
}

/// Values of the caller's that panic when they are dropped, and wakers that panic, end neither the queue nor the deadlines of the process.
#[test]
fn what_is_the_caller_s_ends_no_thread() {
    let queue = queue(StandIn::default(), 64);
    let held = Held::workers(&queue);
    let bomb = || {
        let bomb = Bomb;
        Request::read_with(move |_| {
            let _bomb = &bomb;
            Ok(of_level(1))
        })
    };
    let late = || Instant::now() + Duration::from_millis(20);
    // In its lane: late, cancelled, dropped.
    assert_eq!(kind(queue.submit(bomb().deadline(late())).unwrap().wait()), Some(ErrorKind::Deadline));
    let cancellation = Cancellation::new();
    let cancelled = queue.submit(bomb().cancellation(&cancellation)).unwrap();
    cancellation.cancel();
    assert_eq!(kind(cancelled.wait()), Some(ErrorKind::Cancelled));
    drop(queue.submit(bomb()).unwrap());
    // The clock goes on.
    assert_eq!(kind(queue.submit(image(1).deadline(late())).unwrap().wait()), Some(ErrorKind::Deadline));
    held.release();
    assert!(catch_unwind(AssertUnwindSafe(|| queue.submit(bomb()).unwrap().wait())).is_err());
    assert_eq!(level(&queue.submit(image(2)).unwrap().wait().unwrap().encoded), 2);

    // A waker, on the thread that delivers.
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker of the host's");
        }
    }
    let waker = Waker::from(Arc::new(Panics));
    let held = Held::workers(&queue);
    let mut ticket = queue.submit(image(3)).unwrap();
    assert!(pin!(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending());
    held.release();
    assert_eq!(level(&ticket.wait().unwrap().encoded), 3);
    assert_eq!(level(&queue.submit(image(4)).unwrap().wait().unwrap().encoded), 4);

    // At the end.
    let held = Held::workers(&queue);
    let waiting = queue.submit(bomb()).unwrap();
    drop(held.go);
    drop(held.tickets);
    drop(queue);
    assert!(waiting.is_done());
}

#[test]
fn the_last_clone_may_end_with_a_waker() {
    /// Owns the queue, as a task does that a runtime drops once it has been woken.
    struct Owner(Mutex<Option<EncoderQueue<StandIn>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            // Not under the lock: the end of the queue wakes the others.
            let queue = self.0.lock().unwrap().take();
            drop(queue);
        }
    }
    for batch in [1, 4] {
        let queue = queue(StandIn { batch, run: Duration::from_millis(20), ..StandIn::default() }, 64);
        let encoder = queue.encoder().clone();
        let mut tickets: Vec<Ticket> = (0..12).map(|level| queue.submit(image(level)).unwrap()).collect();
        let waker = Waker::from(Arc::new(Owner(Mutex::new(Some(queue)))));
        for ticket in &mut tickets {
            let _ = pin!(ticket).poll(&mut Context::from_waker(&waker));
        }
        drop(waker);
        until(|| Arc::strong_count(&encoder) == 1);
        assert!(tickets.iter().all(Ticket::is_done));
    }
}

#[test]
fn a_drained_queue_answers_what_it_has_taken() {
    let queue = queue(StandIn { run: Duration::from_millis(20), ..StandIn::default() }, 64);
    let tickets: Vec<Ticket> = (1..=9).map(|level| queue.submit(image(level)).unwrap()).collect();
    let (place, unused) = (queue.reserve().unwrap(), queue.reserve().unwrap());
    assert_eq!(kind(queue.drain(&Cancellation::after(Duration::from_millis(1)))), Some(ErrorKind::Deadline));
    // A place is a promise: its request may still come.
    thread::scope(|scope| {
        let drained = scope.spawn(|| queue.drain(&Cancellation::after(LONG)));
        assert_eq!(level(&place.submit(image(33)).unwrap().wait().unwrap().encoded), 33);
        assert_eq!(kind(queue.reserve()), Some(ErrorKind::ShutDown));
        drop(unused);
        drained.join().unwrap().unwrap();
    });
    for (ticket, expected) in tickets.into_iter().zip(1..) {
        assert_eq!(level(&ticket.wait().unwrap().encoded), expected);
    }
    assert_eq!(kind(queue.submit(image(1))), Some(ErrorKind::ShutDown));
    let status = queue.status().unwrap();
    assert_eq!((status.open, status.taken, status.totals.answered), (false, 0, 10));
    let requests = std::iter::repeat_with(|| ((), image(1)));
    let refused: Vec<_> = queue.encode_all(requests, &Cancellation::new()).unwrap().collect();
    assert_eq!(refused.len(), 1, "an endless loop ends");
    assert_eq!(kind(refused.into_iter().next().unwrap().1), Some(ErrorKind::ShutDown));
}

#[test]
fn shutting_down_ends_what_is_on_its_way_and_every_thread() {
    let queue = queue(StandIn { run: Duration::from_secs(600), ..StandIn::default() }, 64);
    let tickets: Vec<Ticket> = (1..=9).map(|level| queue.submit(image(level)).unwrap()).collect();
    until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let encoder = queue.encoder().clone();
    let start = Instant::now();
    drop(queue);
    assert!(start.elapsed() < LONG);
    // Nobody has it any more.
    assert_eq!(Arc::strong_count(&encoder), 1);
    for ticket in tickets {
        assert!(ticket.is_done());
        assert_eq!(kind(ticket.wait()), Some(ErrorKind::ShutDown));
    }
}

/// Every caller of it returns when the threads have ended, and not before.
#[test]
fn several_may_shut_it_down() {
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
        until(|| tickets.iter().all(Ticket::is_done));
        thread::sleep(Duration::from_millis(50));
        assert_eq!((returned.load(SeqCst), queue.status().unwrap().workers), (0, 2));
        drop(go);
    });
    assert_eq!((returned.load(SeqCst), queue.status().unwrap().workers), (3, 0));
    assert_eq!(Arc::strong_count(queue.encoder()), 1);
    assert_eq!(kind(place.submit(image(1))), Some(ErrorKind::ShutDown));
    drop(tickets);
    assert_eq!(queue.status().unwrap().taken, 0);
}

/// A clone that is dropped last within a request of the queue's own.
#[test]
fn a_queue_may_end_on_one_of_its_threads() {
    let queue = queue(StandIn::default(), 64);
    let encoder = queue.encoder().clone();
    let (own, (go, gone)) = (queue.clone(), channel::<()>());
    let gone = Mutex::new(gone);
    let ticket = queue.submit(Request::read_with(move |_| {
        let _ = gone.lock().unwrap().recv();
        drop(own);
        Ok(of_level(1))
    }));
    drop(queue);
    drop(go);
    assert_eq!(kind(ticket.unwrap().wait()), Some(ErrorKind::ShutDown));
    until(|| Arc::strong_count(&encoder) == 1);
}

/// Where the system refuses threads there are fewer workers, and at last an error: never a hang.
#[cfg(target_os = "linux")]
#[test]
fn fewer_threads_than_were_asked_for() {
    // SAFETY: asks for a number.
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
    // The program's own thread is one; the encoder and the finisher are two.
    for (threads, said) in [
        (1, "resources"),
        (2, "resources"),
        (3, "resources"),
        (4, "1 workers, 20 answers"),
        (6, "3 workers, 20 answers"),
        (40, "8 workers, 20 answers"),
    ] {
        assert_eq!(start(threads, 8).trim(), said, "{threads} threads");
    }
}
