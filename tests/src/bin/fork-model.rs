//! `fork-model MODEL_DIR` opens a model and forks. The child uses the model, and prints the kinds of error that it gets. This is a
//! separate program because a test process has other threads, which must not exist at the fork.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    #[cfg(unix)]
    {
        use ndarray::Array2;
        use radzero_core::{Cancellation, EncoderQueue, ErrorKind, RadZero, Radiograph, Request};
        use radzero_tests::executor::block_on;
        use std::sync::Arc;
        use std::time::{Duration, Instant};

        let model = Arc::new(RadZero::open(std::env::args_os().nth(1).unwrap()).unwrap());
        let queue = EncoderQueue::new(model.clone()).unwrap();
        // Large enough for maps and masks to be computed by several threads.
        let radiograph = Radiograph::from_gray(Array2::from_shape_fn((700, 600), |(y, x)| (x * y) as u8)).unwrap();
        let found = model.infer(&radiograph, &["There is edema"]).unwrap();
        let map = found[0].map();
        // These are in progress at the fork, and are answered in the parent only.
        let ask = || queue.submit(Request::radiograph(radiograph.clone()).prompts(["There is edema"])).unwrap();
        let cancellation = Cancellation::new();
        let (mut ticket, other, place) = (ask(), ask(), queue.reserve().unwrap());
        let mut answers = queue
            .encode_all(std::iter::repeat_with(|| ((), Request::radiograph(radiograph.clone()))), &Cancellation::new())
            .unwrap();
        answers.next().unwrap().1.unwrap();
        // SAFETY: the child only calls the library, whose behaviour after a fork is under test, and ends with `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let image = model.encode_image(&radiograph).map(drop).unwrap_err();
            // A cached prompt would need no thread. It is refused all the same, so that the result does not depend on the cache.
            let prompts = model.encode_prompts(&["There is edema"]).map(drop).unwrap_err();
            let pixels = model.pixels(&radiograph).map(drop).unwrap_err();
            println!("{} {} {} {prompts}", image.kind(), pixels.kind(), prompts.kind());
            // What needs no model still works: reading with several threads, maps and masks.
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom/files/window.dcm");
            Radiograph::open(file).unwrap();
            assert_eq!(found[0].map(), map);
            assert_eq!(found[0].mask(0.5).unwrap(), map.mask(0.5).unwrap());
            assert_eq!(found[0].peak(), map.peak());
            // So does a model that the child opens.
            let own = RadZero::open(std::env::args_os().nth(1).unwrap()).unwrap();
            let again = own.infer(&radiograph, &["There is edema"]).unwrap();
            assert_eq!(again[0].logit().to_bits(), found[0].logit().to_bits());
            // Neither calls nor drops of the queue's values wait for threads that are gone.
            let request = || Request::radiograph(radiograph.clone());
            let refused = [
                queue.submit(request()).map(drop),
                place.submit(request()).map(drop),
                queue.lane().map(drop),
                queue.status().map(drop),
                queue.drain(&Cancellation::new()),
                queue.encode_all([((), request())], &Cancellation::new()).map(drop),
                block_on(&mut ticket).map(drop),
                answers.next().unwrap().1.map(drop),
                other.wait().map(drop),
            ];
            assert!(refused.iter().all(|refused| refused.as_ref().is_err_and(|e| e.kind() == ErrorKind::Forked)));
            model.clear_prompt_cache();
            cancellation.cancel();
            // A queue that the child starts, whose threads may have the same addresses as the parent's.
            let own = EncoderQueue::new(Arc::new(own)).unwrap();
            assert_eq!(own.submit(request().cancellation(&cancellation)).unwrap_err().kind(), ErrorKind::Forked);
            queue.shut_down();
            drop((answers, ticket, queue, model));
            own.submit(request().deadline(Instant::now() + Duration::from_secs(600))).unwrap().wait().unwrap();
            drop(own);
            println!("child goes on");
            // SAFETY: ends the process without running the parent's clean-up.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just forked.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        // The parent works as before.
        drop((place, answers));
        for ticket in [ticket, other] {
            assert_eq!(ticket.wait().unwrap().comparisons[0].logit(), found[0].logit());
        }
        model.infer(&radiograph, &["There is edema"]).unwrap();
        println!("parent goes on, child ended with {status}");
    }
}
