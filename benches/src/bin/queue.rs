//! `queue [full|short]`: compares many callers of a model with one caller, in turns, by ratios of medians; and checks that memory
//! does not grow.
//!
//! 1. Answers per second: 64 callers of an encoder queue and one caller of the model; again with cancellations and deadlines.
//! 2. CPU time per call: thousands of threads that call the model once each, and one thread that makes as many calls.
//! 3. Resident memory during many requests from 64 callers.

#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use radzero_benches::{ModelDirectory, radiograph, sentences};
use radzero_core::{EncoderQueue, ErrorKind, RadZero, Radiograph, Request};

/// Concurrent callers of a queue.
const CALLERS: usize = 64;

struct Sizes {
    rounds: usize,
    /// Requests per round.
    requests: usize,
    threads: usize,
    /// Requests during which memory is measured.
    watched: usize,
}

fn main() {
    let sizes = match std::env::args().nth(1).as_deref() {
        Some("short") => Sizes { rounds: 3, requests: 300, threads: 500, watched: 500 },
        _ => Sizes { rounds: 5, requests: 2000, threads: 5000, watched: 20_000 },
    };
    let directory = ModelDirectory::find().unwrap();
    let model = Arc::new(RadZero::open(directory.path()).unwrap());
    let radiograph = radiograph(500, 400).unwrap();
    let prompts = sentences(2, 0);
    model.encode_prompts(&prompts).unwrap();
    println!("{}, {CALLERS} callers, {} threads of the model", model.manifest().name, model.threads());
    throughput(&model, &radiograph, &prompts, &sizes);
    direct_calls(&model, &radiograph, &sizes);
    memory(&model, &radiograph, &prompts, &sizes);
}

fn throughput(model: &Arc<RadZero>, radiograph: &Radiograph, prompts: &[String], sizes: &Sizes) {
    let (mut one, mut many, mut leaving, mut longest) = (Vec::new(), Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..sizes.rounds {
        let start = Instant::now();
        for _ in 0..sizes.requests {
            model.infer(radiograph, prompts).unwrap();
        }
        one.push(sizes.requests as f64 / start.elapsed().as_secs_f64());
        for (leave, speeds) in [(false, &mut many), (true, &mut leaving)] {
            let queue = queue(model);
            let (answered, elapsed) = callers(&queue, radiograph, prompts, sizes.requests, leave);
            speeds.push(answered as f64 / elapsed.as_secs_f64());
            let status = queue.status().unwrap();
            assert_eq!((status.taken, status.waiting, status.in_progress), (0, 0, 0), "something is left");
            longest = longest.max(status.totals.longest_wait);
            if leave {
                println!("  with cancellations and deadlines: {:?}", status.totals);
            }
        }
    }
    let one = median(&mut one);
    println!("one caller: {one:.1} answers a second");
    println!("{CALLERS} callers of a queue: {:.2} times that", median(&mut many) / one);
    println!(
        "the same, a quarter cancelled and a quarter with a deadline: {:.2} times that",
        median(&mut leaving) / one
    );
    println!("longest wait: {longest:.2?}");
}

fn queue(model: &Arc<RadZero>) -> EncoderQueue {
    EncoderQueue::builder(model.clone()).capacity(NonZeroUsize::new(CALLERS).unwrap()).start().unwrap()
}

/// Sends requests from all callers; how many were answered, in what time. With `leave`, some are cancelled or have deadlines.
fn callers(
    queue: &EncoderQueue,
    radiograph: &Radiograph,
    prompts: &[String],
    requests: usize,
    leave: bool,
) -> (usize, Duration) {
    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for caller in 0..CALLERS as u64 {
            let (next, answered) = (&next, &answered);
            scope.spawn(move || {
                let mut random = Random(caller + 1);
                while next.fetch_add(1, SeqCst) < requests {
                    let mut request = Request::radiograph(radiograph.clone()).prompts(prompts.iter().cloned());
                    let (choice, pause) = (random.below(4), Duration::from_micros(random.below(1_000_000)));
                    if leave && choice == 0 {
                        request = request.deadline(Instant::now() + pause);
                    }
                    let ticket = queue.submit(request).unwrap();
                    if leave && choice == 1 {
                        let soon = Instant::now() + pause / 2;
                        while !ticket.is_done() && Instant::now() < soon {
                            thread::sleep(Duration::from_millis(1));
                        }
                        ticket.cancel();
                    }
                    match ticket.wait() {
                        Ok(_) => {
                            answered.fetch_add(1, SeqCst);
                        }
                        Err(error) => {
                            assert!(
                                leave && matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Deadline),
                                "{error}"
                            );
                        }
                    }
                }
            });
        }
    });
    (answered.into_inner(), start.elapsed())
}

/// Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn direct_calls(model: &Arc<RadZero>, radiograph: &Radiograph, sizes: &Sizes) {
    let comparison = &model.infer(radiograph, &sentences(1, 0)).unwrap()[0];
    let encode = || drop(model.encode_image(radiograph).unwrap());
    let pixels = || drop(model.pixels(radiograph).unwrap());
    let map = || drop(comparison.map_at(64, 64).unwrap());
    let mask = || drop(comparison.mask(0.5).unwrap());
    let all = || {
        encode();
        pixels();
        map();
        mask();
    };
    let calls: [(&str, &(dyn Fn() + Sync)); 6] = [
        ("all of these", &all),
        ("encode", &encode),
        ("pixels", &pixels),
        ("map at 64 x 64", &map),
        ("map at 500 x 400", &|| drop(comparison.map())),
        ("mask", &mask),
    ];
    println!(
        "Processor time a call, microseconds: one thread that repeats it; {0} threads one after the other; {0} at once",
        sizes.threads
    );
    for (name, call) in calls {
        // The first call starts the helper threads.
        call();
        let helpers = Helpers::find();
        let first = Instant::now();
        call();
        let rounds = if first.elapsed() > Duration::from_millis(3) { 1 } else { 3 };
        let (mut one, mut fresh, mut many) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (helped, before) = (helpers.time(), thread_time());
            (0..sizes.threads).for_each(|_| call());
            one.push(each(thread_time() - before + helpers.time() - helped, sizes.threads));
            fresh.push(each(in_threads(sizes.threads, false, call, &helpers), sizes.threads));
            many.push(each(in_threads(sizes.threads, true, call, &helpers), sizes.threads));
        }
        let [one, fresh, many] = [&mut one, &mut fresh, &mut many].map(|times| median(times));
        println!(
            "  {name}: {one:.1}, {fresh:.1}, {many:.1}; at once {:.2} times the first, {:.2} times the second",
            many / one,
            many / fresh
        );
    }
}

fn each(time: Duration, calls: usize) -> f64 {
    1e6 * time.as_secs_f64() / calls as f64
}

/// CPU time of one call in each of many threads, without that of starting them.
fn in_threads(threads: usize, at_once: bool, call: &(dyn Fn() + Sync), helpers: &Helpers) -> Duration {
    let (start, spent) = (RwLock::new(()), AtomicU64::new(0));
    let helped = helpers.time();
    thread::scope(|scope| {
        // Releases all threads at the end, even if one cannot be started.
        let _not_yet = at_once.then(|| start.write().unwrap());
        for _ in 0..threads {
            let run = || {
                drop(start.read());
                let before = thread_time();
                call();
                spent.fetch_add((thread_time() - before).as_nanos() as u64, SeqCst);
            };
            let started = thread::Builder::new().stack_size(1 << 20).spawn_scoped(scope, run).unwrap();
            if !at_once {
                started.join().unwrap();
            }
        }
    });
    Duration::from_nanos(spent.into_inner()) + helpers.time() - helped
}

/// The threads that work on behalf of callers (Linux).
struct Helpers(Vec<PathBuf>);

impl Helpers {
    /// All threads but the main one.
    fn find() -> Self {
        // Threads that have ended may still be listed for a moment.
        thread::sleep(Duration::from_millis(200));
        let main = std::process::id().to_string();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
        Self(tasks.filter(|task| task.file_name() != *main).map(|task| task.path().join("schedstat")).collect())
    }

    fn time(&self) -> Duration {
        let of = |file: &PathBuf| -> u64 {
            std::fs::read_to_string(file).unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        Duration::from_nanos(self.0.iter().map(of).sum())
    }
}

fn memory(model: &Arc<RadZero>, radiograph: &Radiograph, prompts: &[String], sizes: &Sizes) {
    let queue = queue(model);
    for part in 0..=5 {
        // The first round warms up.
        callers(&queue, radiograph, prompts, if part == 0 { 500 } else { sizes.watched / 5 }, part % 2 == 1);
        println!("resident memory after {} requests: {} MB", queue.status().unwrap().totals.waits, resident() >> 20);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of this thread so far.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid, and only this value is written.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory in bytes (Linux).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * status.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
}
