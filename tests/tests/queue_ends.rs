//! How a request of the encoder queue ends before its answer, at every stage, with a stand-in for the model.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use radzero_core::{Cancellation, ErrorKind, Request, Ticket};
use radzero_tests::standin::{StandIn, image, kind, level, queue, until};

#[test]
fn a_request_ends_wherever_it_is() {
    let stand_in = StandIn { run: Duration::from_secs(600), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let encoding = || !queue.encoder().runs.lock().unwrap().is_empty();
    // In the run.
    let cancellation = Cancellation::new();
    let running = queue.submit(image(1).cancellation(&Cancellation::new()).cancellation(&cancellation)).unwrap();
    until(encoding);
    // Behind it: ready, and waiting in line. Each with its own end.
    let late = queue.submit(image(2).deadline(Instant::now() + Duration::from_millis(50)));
    let dropped = queue.submit(image(3)).unwrap();
    let cancelled = queue.submit(image(4)).unwrap();
    cancelled.cancel();
    drop(dropped);
    assert_eq!(kind(cancelled.wait()), Some(ErrorKind::Cancelled));
    assert_eq!(kind(late.and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    assert!(!running.is_done());
    cancellation.cancel();
    assert_eq!(kind(running.wait()), Some(ErrorKind::Cancelled));
    // One that has ended before it comes is not taken.
    assert_eq!(kind(queue.submit(image(5).cancellation(&cancellation))), Some(ErrorKind::Cancelled));
    assert_eq!(kind(queue.submit(image(5).deadline(Instant::now()))), Some(ErrorKind::Deadline));
    // The run ended with the request; and a deadline ends one.
    let late = queue.submit(image(6).deadline(Instant::now() + Duration::from_millis(50)));
    assert_eq!(kind(late.and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    until(|| queue.status().unwrap().in_progress == 0);
    let status = queue.status().unwrap();
    assert_eq!((status.taken, status.waiting, status.totals.ended, status.totals.answered), (0, 0, 7, 0));
}

#[test]
fn a_batch_goes_on_while_one_of_its_requests_does() {
    let stand_in = StandIn { batch: 4, workers: 1, run: Duration::from_millis(300), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let first = queue.submit(image(0)).unwrap();
    until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let batch: Vec<Ticket> = (1..=4).map(|level| queue.submit(image(level)).unwrap()).collect();
    first.wait().unwrap();
    until(|| queue.encoder().runs.lock().unwrap().len() == 2);
    let mut batch = batch.into_iter();
    let kept = batch.next().unwrap();
    // Some leave: the run goes on for the one that stays.
    drop(batch);
    assert_eq!(level(&kept.wait().unwrap().encoded), 1);
    assert_eq!(queue.status().unwrap().totals.ended, 3);
}

#[test]
fn a_batch_ends_with_the_last_of_its_requests() {
    let stand_in = StandIn { batch: 4, workers: 1, run: Duration::from_secs(600), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let first = queue.submit(image(0)).unwrap();
    until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let batch: Vec<Ticket> = (1..=4).map(|level| queue.submit(image(level)).unwrap()).collect();
    until(|| queue.encoder().fitted.load(SeqCst) == 5);
    drop(first);
    until(|| queue.encoder().runs.lock().unwrap().len() == 2);
    drop(batch);
    // The encoder is free for the next.
    let next = queue.submit(image(5)).unwrap();
    until(|| queue.encoder().runs.lock().unwrap().len() == 3);
    next.cancel();
    assert_eq!(kind(next.wait()), Some(ErrorKind::Cancelled));
}

/// What has ended gives its room to others, while the encoder still runs.
#[test]
fn ended_requests_make_room() {
    let queue = queue(StandIn { run: Duration::from_secs(600), ..StandIn::default() }, 64);
    let running = queue.submit(image(0)).unwrap();
    until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    for _ in 0..20 {
        let before = queue.encoder().fitted.load(SeqCst);
        let tickets: Vec<Ticket> = (1..=3).map(|level| queue.submit(image(level)).unwrap()).collect();
        until(|| queue.encoder().fitted.load(SeqCst) == before + 3);
        drop(tickets);
    }
    drop(running);
}

/// A deadline reaches sentences that are encoded, a comparison, and a reader of the caller's own.
#[test]
fn every_stage_sees_the_end_of_its_request() {
    let queue = queue(StandIn { sentence: Duration::from_millis(1), ..StandIn::default() }, 64);
    let answer = queue.submit(image(7).prompts(["a", "b"])).unwrap().wait().unwrap();
    assert_eq!(answer.comparisons.iter().map(radzero_core::Comparison::prompt).collect::<Vec<_>>(), ["a", "b"]);
    let sentences = || (0..600_000).map(|index| index.to_string());
    let late = image(7).prompts(sentences()).deadline(Instant::now() + Duration::from_millis(300));
    assert_eq!(kind(queue.submit(late).and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    let reader = Request::read_with(|end| {
        loop {
            end.check()?;
            thread::sleep(Duration::from_millis(1));
        }
    });
    let ticket = queue.submit(reader).unwrap();
    until(|| queue.status().unwrap().reading == 1);
    drop(ticket);
    // Neither keeps its worker.
    until(|| queue.status().unwrap().reading == 0);
    assert_eq!(queue.encoder().fitted.load(SeqCst), 1);

    let queue = self::queue(StandIn { sentence: Duration::from_millis(200), ..StandIn::default() }, 64);
    let ticket = queue.submit(image(7).prompts((0..5).map(|index| index.to_string()))).unwrap();
    until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    ticket.cancel();
    assert_eq!(kind(ticket.wait()), Some(ErrorKind::Cancelled));
}
