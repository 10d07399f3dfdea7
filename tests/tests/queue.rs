//! The encoder queue with a real model: results equal those of single calls bit for bit, in order, with errors among good images,
//! whole requests and many callers.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use radzero_core::radiograph::ReadOptions;
use radzero_core::{Cancellation, EncodedImage, EncoderQueue, ErrorKind, RadZero, Radiograph, Request};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;
use rayon::prelude::*;

const IMAGES: [&str; 7] =
    ["gray8.png", "rgb8.png", "no such file", "rgba8.png", "tall.png", "small.png", "palette8.png"];

const SENTENCES: [&str; 2] = ["There is edema", "There is fibrosis"];

fn read(name: &str) -> radzero_core::Result<Radiograph> {
    Radiograph::open(golden_path(format!("images/{name}")))
}

fn request(name: &str) -> Request {
    Request::path(golden_path(format!("images/{name}")))
}

fn encode_one_by_one(model: &RadZero) -> Vec<Option<EncodedImage>> {
    IMAGES.iter().map(|name| read(name).ok().map(|radiograph| model.encode_image(&radiograph).unwrap())).collect()
}

#[test]
fn a_loop_gives_the_bits_of_single_calls_in_order() {
    let queue = EncoderQueue::new(Arc::new(Exported::case("native").open())).unwrap();
    let expected = encode_one_by_one(queue.encoder());
    let requests = (0..5 * IMAGES.len()).map(|index| (index, request(IMAGES[index % IMAGES.len()])));
    let found: Vec<_> = queue.encode_all(requests, &Cancellation::new()).unwrap().collect();
    assert_eq!(found.len(), 5 * IMAGES.len());
    for (place, (index, answer)) in found.into_iter().enumerate() {
        assert_eq!(place, index);
        match (&expected[index % IMAGES.len()], answer) {
            (Some(expected), Ok(answer)) => {
                assert_eq!(answer.encoded.tokens(), expected.tokens());
                assert_eq!(answer.encoded.record(), expected.record());
                assert_eq!(answer.radiograph.width(), expected.width());
                assert!(answer.run > Duration::ZERO && answer.comparisons.is_empty());
            }
            (None, Err(error)) => assert_eq!(error.kind(), ErrorKind::Io),
            (expected, found) => panic!("{index}: {expected:?} expected, {found:?} found"),
        }
    }
}

#[test]
fn a_loop_holds_few_images_at_a_time() {
    let queue = EncoderQueue::new(Arc::new(Exported::case("native").open())).unwrap();
    let held = Arc::new(AtomicUsize::new(0));
    let requests = (0..200).map(|index| {
        let held = held.clone();
        let read = move |_: &Cancellation| {
            held.fetch_add(1, SeqCst);
            read("gray8.png")
        };
        (index, Request::read_with(read))
    });
    let answers = queue.encode_all(requests, &Cancellation::new()).unwrap();
    let most = answers.map(|_| held.fetch_sub(1, SeqCst)).max();
    assert!(most.unwrap() < 20, "{most:?}");
}

#[test]
fn a_request_gives_the_results_of_infer_or_its_error() {
    let exported = Exported::case("native");
    let queue = EncoderQueue::new(Arc::new(exported.open())).unwrap();
    let model = queue.encoder();
    let path = golden_path("images/gray8.png");
    let radiograph = Radiograph::open(&path).unwrap();
    let expected = model.infer(&radiograph, &SENTENCES).unwrap();
    let pixels = model.pixels(&radiograph).unwrap();
    for request in [
        Request::path(&path),
        Request::bytes(std::fs::read(&path).unwrap()),
        Request::radiograph(radiograph.clone()),
        Request::pixels(radiograph.clone(), pixels),
        Request::path(&path).read_options(ReadOptions::default()).deadline(Instant::now() + Duration::from_secs(600)),
    ] {
        let answer = queue.submit(request.prompts(SENTENCES)).unwrap().wait().unwrap();
        assert_eq!(answer.radiograph, radiograph);
        assert_eq!(answer.comparisons.len(), 2);
        for (found, expected) in answer.comparisons.iter().zip(&expected) {
            assert_eq!((found.prompt(), found.logit().to_bits()), (expected.prompt(), expected.logit().to_bits()));
            assert_eq!(found.map(), expected.map());
        }
    }
    // A faulty request is answered with its error.
    for (request, kind) in [
        (request("gray8.png").prompts(["There is edema", " "]), ErrorKind::EmptyPrompt),
        (request("no such file").prompts(SENTENCES), ErrorKind::Io),
        (Request::bytes(b"a letter".as_slice()), ErrorKind::NotAnImage),
        (Request::pixels(radiograph.clone(), ndarray::Array3::zeros((3, 7, 7))), ErrorKind::Argument),
    ] {
        assert_eq!(queue.submit(request).unwrap().wait().unwrap_err().kind(), kind);
    }
    let totals = queue.status().unwrap().totals;
    assert_eq!((totals.answered, totals.failed, totals.ended, totals.refused), (5, 4, 0, 0));
}

#[test]
fn a_cancelled_or_dropped_loop_ends() {
    let queue = EncoderQueue::new(Arc::new(Exported::case("native").open())).unwrap();
    let cancellation = Cancellation::new();
    let endless = || std::iter::repeat_with(|| ((), request("gray8.png")));
    let mut answers = queue.encode_all(endless(), &cancellation).unwrap();
    assert!(answers.next().unwrap().1.is_ok());
    cancellation.cancel();
    for ((), answer) in answers {
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }
    let mut answers = queue.encode_all(endless(), &Cancellation::new()).unwrap();
    assert!(answers.next().unwrap().1.is_ok());
    drop(answers);
    queue.drain(&Cancellation::after(Duration::from_secs(60))).unwrap();
    let radiograph = read("gray8.png").unwrap();
    let model = queue.encoder();
    let error = model.encode_images_until(std::slice::from_ref(&radiograph), &cancellation).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    // The model works as before.
    model.encode_image(&radiograph).unwrap();
}

/// A cancellation from another thread, or a deadline, reaches every stage of a direct call.
#[test]
fn direct_calls_can_be_cancelled() {
    let exported = Exported::case("native");
    let model = exported.open();
    let sentences: Vec<String> =
        (0..4096).map(|index| format!("There is {index} {}", "of the lung ".repeat(4))).collect();
    let late = Cancellation::after(Duration::from_millis(30));
    let error = loop {
        model.clear_prompt_cache();
        if let Err(error) = model.encode_prompts_until(&sentences, &late) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let radiographs = vec![read("gray8.png").unwrap(); 512];
    let cancellation = Cancellation::new();
    thread::scope(|scope| {
        let call = || loop {
            if let Err(error) = model.encode_images_until(&radiographs, &cancellation) {
                break error;
            }
        };
        let call = scope.spawn(call);
        thread::sleep(Duration::from_millis(30));
        cancellation.cancel();
        assert_eq!(call.join().unwrap().kind(), ErrorKind::Cancelled);
    });
    let radiograph = &radiographs[0];
    let error = model.infer_until(radiograph, &SENTENCES, &late).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let (image, prompts) = (model.encode_image(radiograph).unwrap(), model.encode_prompts(&SENTENCES).unwrap());
    assert_eq!(model.compare_until(&image, &prompts, &late).unwrap_err().kind(), ErrorKind::Deadline);
    let many = model.encode_prompts(&sentences[..70]).unwrap();
    let until = model.compare_until(&image, &many, &Cancellation::new()).unwrap();
    for (one, other) in until.iter().zip(model.compare(&image, &many).unwrap()) {
        assert_eq!((one.prompt(), one.logit().to_bits()), (other.prompt(), other.logit().to_bits()));
        assert_eq!(one.scores(), other.scores());
    }
    model.infer(radiograph, &SENTENCES).unwrap();
}

/// The queue's runs do not count against the limit of waiting calls, so no work of the loop is lost.
#[test]
fn a_loop_is_never_refused_as_busy() {
    let exported = Exported::case("native");
    let model = Arc::new(RadZero::builder(exported.directory()).max_waiting(0).open().unwrap());
    let queue = EncoderQueue::new(model.clone()).unwrap();
    let (done, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let radiograph = read("gray8.png").unwrap();
                while !done.load(SeqCst) {
                    let found = model.encode_image(&radiograph);
                    refused.fetch_add(usize::from(found.is_err_and(|error| error.kind() == ErrorKind::Busy)), SeqCst);
                }
            });
        }
        // Goes on until a direct call has found the encoder busy.
        let start = Instant::now();
        let wanted =
            |index: &usize| *index < 100 || refused.load(SeqCst) == 0 && start.elapsed() < Duration::from_secs(60);
        let requests = (0..).take_while(wanted);
        let requests = requests.map(|index| (index, request("gray8.png").prompts([format!("There is {index}")])));
        let answers = queue.encode_all(requests, &Cancellation::new()).unwrap();
        let failed: Vec<_> = answers.filter_map(|(_, answer)| answer.err()).collect();
        done.store(true, SeqCst);
        assert!(failed.is_empty(), "{failed:?}");
    });
    assert!(refused.into_inner() > 0, "the two never met");
}

#[test]
fn eight_callers_at_once_get_the_same_bits_as_one() {
    let exported = Exported::case("base");
    let model = exported.open();
    let expected = encode_one_by_one(&model);
    let sentences: Vec<String> =
        (0..24).map(|index| format!("There is edema {}", "of the lung ".repeat(index % 5))).collect();
    let alone: Vec<_> = sentences
        .iter()
        .map(|sentence| exported.open().encode_prompts(&[sentence]).unwrap()[0].embedding().to_owned())
        .collect();
    thread::scope(|scope| {
        for caller in 0..8 {
            let (model, expected, sentences, alone) = (&model, &expected, &sentences, &alone);
            scope.spawn(move || {
                for turn in 0..12 {
                    let index = (caller * 5 + turn) % IMAGES.len();
                    if let Some(expected) = &expected[index] {
                        let found = model.encode_image(&read(IMAGES[index]).unwrap()).unwrap();
                        assert_eq!(found.tokens(), expected.tokens());
                    }
                    let index = (caller * 7 + turn) % sentences.len();
                    let prompt = &model.encode_prompts(&[&sentences[index]]).unwrap()[0];
                    assert_eq!(prompt.embedding(), alone[index], "{}", sentences[index]);
                }
            });
        }
    });
}

/// The queue needs none of rayon's threads, so a host may wait for tickets on all of them.
#[test]
fn tickets_can_be_waited_for_on_all_threads_of_rayon() {
    let queue = EncoderQueue::new(Arc::new(Exported::case("native").open())).unwrap();
    let levels = ndarray::Array2::from_shape_fn((2000, 1800), |(y, x)| (x * y / 99) as u8);
    let radiograph = Radiograph::from_gray(levels).unwrap();
    let ask = || queue.submit(Request::radiograph(radiograph.clone()).prompts(SENTENCES)).unwrap();
    let mut answers = Vec::new();
    (0..24).into_par_iter().map(|_| ask().wait().unwrap()).collect_into_vec(&mut answers);
    let expected = queue.encoder().infer(&radiograph, &SENTENCES).unwrap();
    for answer in answers {
        assert_eq!(answer.comparisons[0].map(), expected[0].map());
    }
}

/// Thousands of threads encode, resample, and compute maps and masks at once. No thread takes other threads' work onto its stack.
#[test]
fn thousands_of_threads_can_call_at_once() {
    const THREADS: usize = 3000;
    let exported = Exported::case("native");
    let model = exported.open();
    let radiograph =
        Radiograph::from_gray(ndarray::Array2::from_shape_fn((400, 500), |(y, x)| (x * y / 9) as u8)).unwrap();
    let pixels = model.pixels(&radiograph).unwrap();
    let comparison = &model.infer(&radiograph, &SENTENCES[..1]).unwrap()[0];
    let (map, mask) = (comparison.map(), comparison.mask(0.5).unwrap());
    let start = std::sync::RwLock::new(());
    thread::scope(|scope| {
        let _not_yet = start.write().unwrap();
        for _ in 0..THREADS {
            let call = || {
                drop(start.read());
                assert_eq!(model.pixels(&radiograph).unwrap(), pixels);
                assert_eq!(comparison.map(), map);
                assert_eq!(comparison.mask(0.5).unwrap(), mask);
                model.encode_image(&radiograph).map(drop).unwrap();
            };
            thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, call).unwrap();
        }
    });
}
