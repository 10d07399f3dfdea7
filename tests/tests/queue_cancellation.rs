//! Requests of the encoder queue can be cancelled at every stage; with a stand-in for the model.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use radzero_core::{Cancellation, ErrorKind, Request, Ticket};
use radzero_tests::standin::{StandIn, image_request, kind, level, queue, wait_until};

#[test]
fn a_request_can_be_cancelled_at_any_stage() {
    let stand_in = StandIn { run: Duration::from_secs(600), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let encoding = || !queue.encoder().runs.lock().unwrap().is_empty();
    // One request is in a run.
    let cancellation = Cancellation::new();
    let running =
        queue.submit(image_request(1).cancellation(&Cancellation::new()).cancellation(&cancellation)).unwrap();
    wait_until(encoding);
    // Others are read already or wait in line. Each ends in another way.
    let late = queue.submit(image_request(2).deadline(Instant::now() + Duration::from_millis(50)));
    let dropped = queue.submit(image_request(3)).unwrap();
    let cancelled = queue.submit(image_request(4)).unwrap();
    cancelled.cancel();
    drop(dropped);
    assert_eq!(kind(cancelled.wait()), Some(ErrorKind::Cancelled));
    assert_eq!(kind(late.and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    assert!(!running.is_done());
    cancellation.cancel();
    assert_eq!(kind(running.wait()), Some(ErrorKind::Cancelled));
    // A request that was cancelled or is late before it is submitted is not accepted.
    assert_eq!(kind(queue.submit(image_request(5).cancellation(&cancellation))), Some(ErrorKind::Cancelled));
    assert_eq!(kind(queue.submit(image_request(5).deadline(Instant::now()))), Some(ErrorKind::Deadline));
    // The run ended with its request, and a deadline ends a run too.
    let late = queue.submit(image_request(6).deadline(Instant::now() + Duration::from_millis(50)));
    assert_eq!(kind(late.and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    wait_until(|| queue.status().unwrap().in_progress == 0);
    let status = queue.status().unwrap();
    assert_eq!((status.taken, status.waiting, status.totals.ended, status.totals.answered), (0, 0, 7, 0));
}

#[test]
fn a_batch_continues_while_one_of_its_requests_is_wanted() {
    let stand_in = StandIn { batch: 4, workers: 1, run: Duration::from_millis(300), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let first = queue.submit(image_request(0)).unwrap();
    wait_until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let batch: Vec<Ticket> = (1..=4).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    first.wait().unwrap();
    wait_until(|| queue.encoder().runs.lock().unwrap().len() == 2);
    let mut batch = batch.into_iter();
    let kept = batch.next().unwrap();
    // The run continues for the request that is left.
    drop(batch);
    assert_eq!(level(&kept.wait().unwrap().encoded), 1);
    assert_eq!(queue.status().unwrap().totals.ended, 3);
}

#[test]
fn a_batch_ends_when_all_its_requests_are_cancelled() {
    let stand_in = StandIn { batch: 4, workers: 1, run: Duration::from_secs(600), ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let first = queue.submit(image_request(0)).unwrap();
    wait_until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    let batch: Vec<Ticket> = (1..=4).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    wait_until(|| queue.encoder().fitted.load(SeqCst) == 5);
    drop(first);
    wait_until(|| queue.encoder().runs.lock().unwrap().len() == 2);
    drop(batch);
    // The encoder is free for the next run.
    let next = queue.submit(image_request(5)).unwrap();
    wait_until(|| queue.encoder().runs.lock().unwrap().len() == 3);
    next.cancel();
    assert_eq!(kind(next.wait()), Some(ErrorKind::Cancelled));
}

/// Cancelled requests make room for others at once, even while the encoder runs.
#[test]
fn cancelled_requests_make_room() {
    let queue = queue(StandIn { run: Duration::from_secs(600), ..StandIn::default() }, 64);
    let running = queue.submit(image_request(0)).unwrap();
    wait_until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    for _ in 0..20 {
        let before = queue.encoder().fitted.load(SeqCst);
        let tickets: Vec<Ticket> = (1..=3).map(|level| queue.submit(image_request(level)).unwrap()).collect();
        wait_until(|| queue.encoder().fitted.load(SeqCst) == before + 3);
        drop(tickets);
    }
    drop(running);
}

/// Encoding of sentences, comparison, and a reader of the caller's own notice that their request has ended.
#[test]
fn every_stage_stops_when_its_request_ends() {
    let queue = queue(StandIn { sentence: Duration::from_millis(1), ..StandIn::default() }, 64);
    let answer = queue.submit(image_request(7).prompts(["a", "b"])).unwrap().wait().unwrap();
    assert_eq!(answer.comparisons.iter().map(radzero_core::Comparison::prompt).collect::<Vec<_>>(), ["a", "b"]);
    let sentences = || (0..600_000).map(|index| index.to_string());
    let late = image_request(7).prompts(sentences()).deadline(Instant::now() + Duration::from_millis(300));
    assert_eq!(kind(queue.submit(late).and_then(Ticket::wait)), Some(ErrorKind::Deadline));
    let reader = Request::read_with(|end| {
        loop {
            end.check()?;
            thread::sleep(Duration::from_millis(1));
        }
    });
    let ticket = queue.submit(reader).unwrap();
    wait_until(|| queue.status().unwrap().reading == 1);
    drop(ticket);
    // Neither request keeps its worker busy.
    wait_until(|| queue.status().unwrap().reading == 0);
    assert_eq!(queue.encoder().fitted.load(SeqCst), 1);

    let queue = self::queue(StandIn { sentence: Duration::from_millis(200), ..StandIn::default() }, 64);
    let ticket = queue.submit(image_request(7).prompts((0..5).map(|index| index.to_string()))).unwrap();
    wait_until(|| !queue.encoder().runs.lock().unwrap().is_empty());
    ticket.cancel();
    assert_eq!(kind(ticket.wait()), Some(ErrorKind::Cancelled));
}
