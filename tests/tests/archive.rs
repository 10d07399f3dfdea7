//! Many images and many callers: order, errors among good images, early ends, and the same bits as one by one.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use radzero_core::{Cancellation, EncodedImage, ErrorKind, RadZero, Radiograph};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

const IMAGES: [&str; 7] =
    ["gray8.png", "rgb8.png", "no such file", "rgba8.png", "tall.png", "small.png", "palette8.png"];

fn read(name: &&str) -> radzero_core::Result<Radiograph> {
    Radiograph::open(golden_path(format!("images/{name}")))
}

fn one_by_one(model: &RadZero) -> Vec<Option<EncodedImage>> {
    IMAGES.iter().map(|name| read(name).ok().map(|radiograph| model.encode_image(&radiograph).unwrap())).collect()
}

#[test]
fn an_archive_gives_every_image_in_order_with_the_bits_of_single_calls() {
    let exported = Exported::case("native");
    let model = exported.open();
    let expected = one_by_one(&model);
    thread::scope(|scope| {
        let sources = IMAGES.iter().cycle().take(5 * IMAGES.len()).copied();
        let found: Vec<_> = model.encode_all(scope, sources, read, &Cancellation::new()).unwrap().collect();
        assert_eq!(found.len(), 5 * IMAGES.len());
        for (index, image) in found.into_iter().enumerate() {
            assert_eq!(image.source, IMAGES[index % IMAGES.len()]);
            match (&expected[index % IMAGES.len()], image.result) {
                (Some(expected), Ok((radiograph, found))) => {
                    assert_eq!(found.tokens(), expected.tokens());
                    assert_eq!((radiograph.width(), radiograph.height()), (expected.width(), expected.height()));
                }
                (None, Err(error)) => assert_eq!(error.kind(), ErrorKind::Io),
                (expected, found) => panic!("{index}: {expected:?} expected, {found:?} found"),
            }
        }
    });
}

#[test]
fn few_images_are_held_however_many_there_are() {
    let exported = Exported::case("native");
    let model = exported.open();
    let held = AtomicUsize::new(0);
    thread::scope(|scope| {
        let read = |name: &&str| {
            held.fetch_add(1, SeqCst);
            read(name)
        };
        let sources = std::iter::repeat_n("gray8.png", 200);
        let most = model
            .encode_all(scope, sources, read, &Cancellation::new())
            .unwrap()
            .map(|_| held.fetch_sub(1, SeqCst))
            .max();
        assert!(most.unwrap() < 20, "{most:?}");
    });
}

#[test]
fn an_archive_that_is_dropped_ends() {
    let exported = Exported::case("native");
    let model = exported.open();
    thread::scope(|scope| {
        let mut archive = model.encode_all(scope, std::iter::repeat("gray8.png"), read, &Cancellation::new()).unwrap();
        assert!(archive.next().unwrap().result.is_ok());
    });
}

#[test]
fn a_cancelled_archive_ends() {
    let exported = Exported::case("native");
    let model = exported.open();
    let cancellation = Cancellation::new();
    thread::scope(|scope| {
        let mut archive = model.encode_all(scope, std::iter::repeat("gray8.png"), read, &cancellation).unwrap();
        assert!(archive.next().unwrap().result.is_ok());
        cancellation.cancel();
        for image in archive {
            if let Err(error) = image.result {
                assert_eq!(error.kind(), ErrorKind::Cancelled);
            }
        }
    });
    let radiograph = read(&"gray8.png").unwrap();
    let error = model.encode_images_until(std::slice::from_ref(&radiograph), &cancellation).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    // The model is as good as before.
    model.encode_image(&radiograph).unwrap();
}

/// Work that was begun is not lost to a bound on those that wait.
#[test]
fn an_archive_is_never_refused() {
    let exported = Exported::case("native");
    let model = RadZero::builder(exported.directory()).max_waiting(0).open().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let radiograph = read(&"gray8.png").unwrap();
            let mut refused = 0;
            while !done.load(SeqCst) {
                refused +=
                    usize::from(model.encode_image(&radiograph).is_err_and(|error| error.kind() == ErrorKind::Busy));
            }
            refused
        });
        let sources = std::iter::repeat_n("gray8.png", 100);
        let archive = model.encode_all(scope, sources, read, &Cancellation::new()).unwrap();
        let failed: Vec<_> = archive.filter_map(|image| image.result.err()).collect();
        done.store(true, SeqCst);
        assert!(failed.is_empty(), "{failed:?}");
        other.join().unwrap()
    });
    assert!(refused > 0, "the two never met");
}

#[test]
fn eight_callers_at_once_get_the_bits_of_one() {
    let exported = Exported::case("base");
    let model = exported.open();
    let expected = one_by_one(&model);
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
                        let found = model.encode_image(&read(&IMAGES[index]).unwrap()).unwrap();
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
