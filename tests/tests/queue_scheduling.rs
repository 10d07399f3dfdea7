//! Admission, order and batches of the encoder queue; with a stand-in for the model.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use radzero_core::{Cancellation, EncoderQueue, ErrorKind, Request, Ticket};
use radzero_tests::executor::block_on;
use radzero_tests::standin::{Held, LONG, StandIn, image_request, kind, level, queue, uniform, wait_until};

#[test]
fn a_full_queue_refuses_requests_without_reading_them() {
    let queue = queue(StandIn::default(), 4);
    let held = Held::workers(&queue);
    let read = Arc::new(AtomicUsize::new(0));
    let counted = || {
        let read = read.clone();
        Request::read_with(move |_| {
            read.fetch_add(1, SeqCst);
            Ok(uniform(1))
        })
    };
    let waiting = [queue.submit(counted()).unwrap(), queue.submit(counted()).unwrap()];
    let busy = queue.submit(counted()).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert!(busy.to_string().contains("at most 4 requests"), "{busy}");
    assert_eq!(kind(queue.reserve()), Some(ErrorKind::Busy));
    let status = queue.status().unwrap();
    assert_eq!((status.capacity, status.taken, status.waiting, status.in_progress), (4, 4, 2, 2));
    assert_eq!((status.totals.refused, read.load(SeqCst)), (2, 0));
    assert!(status.oldest > Duration::ZERO);
    held.release();
    for ticket in waiting {
        assert!(ticket.wait().unwrap().waited > Duration::ZERO);
    }
    // A place can be reserved before there is a request, and released.
    let places: Vec<_> = (0..4).map(|_| queue.reserve().unwrap()).collect();
    assert_eq!(kind(queue.submit(image_request(1))), Some(ErrorKind::Busy));
    let mut places = places.into_iter();
    assert_eq!(level(&places.next().unwrap().submit(image_request(7)).unwrap().wait().unwrap().encoded), 7);
    drop(places);
    assert_eq!(queue.status().unwrap().taken, 0);
    assert_eq!(read.load(SeqCst), 2);
}

#[test]
fn a_lane_keeps_the_order_of_requests_and_lanes_take_turns() {
    let stand_in = StandIn { workers: 1, ..StandIn::default() };
    let queue = queue(stand_in, 64);
    let other = queue.lane().unwrap();
    let held = Held::workers(&queue);
    let mut tickets: Vec<Ticket> = (1..=6).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    tickets.extend((11..=13).map(|level| other.submit(image_request(level)).unwrap()));
    held.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(*queue.encoder().order.lock().unwrap(), [0, 1, 11, 2, 12, 3, 13, 4, 5, 6]);
}

/// An endless loop delays a request by no more than the images that are in progress.
#[test]
fn a_request_need_not_wait_for_the_end_of_a_loop() {
    let stand_in = StandIn { workers: 1, run: Duration::from_millis(1), ..StandIn::default() };
    let queue = queue(stand_in, 1);
    let endless = std::iter::repeat_with(|| ((), image_request(1)));
    let mut answers = queue.encode_all(endless, &Cancellation::new()).unwrap();
    for _ in 0..20 {
        answers.next().unwrap().1.unwrap();
        let ticket = queue.submit(image_request(2)).unwrap();
        let before = queue.encoder().order.lock().unwrap().len();
        let mut beside = 0;
        while !ticket.is_done() {
            answers.next().unwrap().1.unwrap();
            beside += 1;
        }
        ticket.wait().unwrap();
        let order = queue.encoder().order.lock().unwrap();
        let place = order.iter().rposition(|&level| level == 2).unwrap();
        // The images that were read before it, and one turn of the loop.
        assert!(place < before + 8, "{} images went before it, {beside} were taken", place - before);
    }
}

#[test]
fn batches_are_filled_with_the_images_that_are_ready() {
    let stand_in = StandIn { batch: 8, workers: 4, run: Duration::from_millis(5), awaited: 200, ..StandIn::default() };
    let queue = queue(stand_in, 1);
    let requests = (0..200_u8).map(|level| (level, image_request(level)));
    for (expected, answer) in queue.encode_all(requests, &Cancellation::new()).unwrap() {
        assert_eq!(level(&answer.unwrap().encoded), expected);
    }
    let runs = queue.encoder().runs.lock().unwrap().clone();
    assert_eq!(runs.iter().sum::<usize>(), 200);
    // The first run does not wait for more images, and the last ones have the rest: 1, 2 or 4 in each.
    assert!(runs.iter().all(|images| images.is_power_of_two()), "{runs:?}");
    let full = runs.iter().filter(|&&images| images == 8).count();
    assert!(full + 4 >= runs.len() && full >= 24, "{runs:?}");
    let totals = queue.status().unwrap().totals;
    assert_eq!((totals.runs, totals.images), (runs.len() as u64, 200));
}

/// As for a GPU: one batch is prepared while the other is computed.
#[test]
fn two_batches_are_at_the_encoder_at_a_time() {
    let stand_in = StandIn { batch: 2, at_once: 2, run: LONG, ..StandIn::default() };
    let queue = queue(stand_in, 8);
    let tickets: Vec<Ticket> = (0..6).map(|level| queue.submit(image_request(level)).unwrap()).collect();
    wait_until(|| queue.encoder().runs.lock().unwrap().len() == 2);
    // The third must wait, and none is finished before its run has ended.
    thread::sleep(Duration::from_millis(20));
    assert_eq!(queue.encoder().runs.lock().unwrap().len(), 2);
    assert!(tickets.iter().all(|ticket| !ticket.is_done()));
    queue.shut_down();
    for ticket in tickets {
        assert_eq!(kind(ticket.wait()), Some(ErrorKind::ShutDown));
    }
}

#[test]
fn absurd_sizes_are_reduced_to_the_limits() {
    let most = NonZeroUsize::MAX;
    let queue = EncoderQueue::builder(Arc::new(StandIn::default())).batch(most).workers(most).capacity(most);
    let queue = queue.start().unwrap();
    let requests = (0..100).map(|level| (level, image_request(level)));
    for (expected, answer) in queue.encode_all(requests, &Cancellation::new()).unwrap() {
        assert_eq!(level(&answer.unwrap().encoded), expected);
    }
    let status = queue.status().unwrap();
    assert!(status.batch == 256 && (1..=256).contains(&status.workers), "{status:?}");
}

#[test]
fn a_ticket_can_be_awaited() {
    let queue = queue(StandIn { run: Duration::from_millis(30), ..StandIn::default() }, 64);
    assert_eq!(level(&block_on(queue.submit(image_request(3)).unwrap()).unwrap().encoded), 3);
    let late = queue.submit(image_request(3).deadline(Instant::now() + Duration::from_millis(5)));
    assert_eq!(kind(late.and_then(block_on)), Some(ErrorKind::Deadline));
    let both = async {
        let (one, two) = (queue.submit(image_request(4))?, queue.submit(image_request(5))?);
        let (one, two) = (one.await?, two.await?);
        assert_eq!((level(&one.encoded), level(&two.encoded)), (4, 5));
        Ok::<_, radzero_core::Error>(())
    };
    block_on(both).unwrap();
    // Polling a finished ticket again is an error.
    let mut ticket = queue.submit(image_request(6)).unwrap();
    block_on(&mut ticket).unwrap();
    assert_eq!(kind(block_on(&mut ticket)), Some(ErrorKind::Argument));
    assert_eq!(kind(ticket.wait()), Some(ErrorKind::Argument));
}

/// Many callers wait, cancel, miss deadlines and are refused. Each request ends once, and the queue is empty afterwards.
#[test]
fn the_queue_is_empty_after_many_callers() {
    const CALLERS: u64 = 64;
    const REQUESTS: u64 = 60;
    let stand_in = StandIn { batch: 4, workers: 3, run: Duration::from_micros(200), ..StandIn::default() };
    let queue = queue(stand_in, 48);
    let shared = Mutex::new(Cancellation::new());
    let ended = AtomicUsize::new(0);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (queue, shared, ended) = (&queue, &shared, &ended);
            scope.spawn(move || {
                let mut state = caller + 1;
                let mut random = |below: u64| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % below
                };
                for _ in 0..REQUESTS {
                    let level_asked = random(250) as u8;
                    let shared = shared.lock().unwrap().clone();
                    let mut request = image_request(level_asked).cancellation(&shared);
                    if random(4) == 0 {
                        request = request.deadline(Instant::now() + Duration::from_micros(random(4000)));
                    }
                    let ticket = loop {
                        match queue.submit(image_request(level_asked).cancellation(&shared)) {
                            Err(error) if error.kind() == ErrorKind::Busy => thread::yield_now(),
                            taken => break taken,
                        }
                    };
                    let found = match (ticket, random(4)) {
                        (Ok(ticket), 0) => {
                            thread::sleep(Duration::from_micros(random(2000)));
                            ticket.cancel();
                            ticket.wait()
                        }
                        (Ok(ticket), 1) => {
                            drop(ticket);
                            queue.submit(request).and_then(Ticket::wait)
                        }
                        (Ok(ticket), _) => ticket.wait(),
                        (Err(error), _) => Err(error),
                    };
                    match found {
                        Ok(answer) => assert_eq!(level(&answer.encoded), level_asked),
                        Err(error) => assert!(
                            matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Deadline | ErrorKind::Busy),
                            "{error}"
                        ),
                    }
                    ended.fetch_add(1, SeqCst);
                }
            });
        }
        // Cancels all current requests from time to time.
        while (ended.load(SeqCst) as u64) < CALLERS * REQUESTS {
            std::mem::take(&mut *shared.lock().unwrap()).cancel();
            thread::sleep(Duration::from_millis(20));
        }
    });
    queue.drain(&Cancellation::after(LONG)).unwrap();
    let status = queue.status().unwrap();
    assert_eq!((status.taken, status.waiting, status.in_progress), (0, 0, 0));
    // Both must have happened, even on a busy machine.
    assert!(status.totals.answered > 100 && status.totals.ended > 100, "{status:?}");
    assert!(status.totals.longest_wait < LONG);
}
