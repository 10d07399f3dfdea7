//! `fork-model MODEL_DIR`: opens a model and forks; the child asks it, and prints the kinds of the errors that it gets. A program of
//! its own, as a test's threads must not be there when a process forks.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    #[cfg(unix)]
    {
        use ndarray::Array2;
        use radzero_core::{Cancellation, EncoderQueue, ErrorKind, RadZero, Radiograph, Request};
        use radzero_tests::asynchronous::awaited;
        use std::sync::Arc;
        use std::time::{Duration, Instant};

        let model = Arc::new(RadZero::open(std::env::args_os().nth(1).unwrap()).unwrap());
        let queue = EncoderQueue::new(model.clone()).unwrap();
        // Large enough that maps and masks are shared out among threads.
        let radiograph = Radiograph::from_gray(Array2::from_shape_fn((700, 600), |(y, x)| (x * y) as u8)).unwrap();
        let found = model.infer(&radiograph, &["There is edema"]).unwrap();
        let map = found[0].map();
        // In progress at the fork: one is answered in the parent alone.
        let ask = || queue.submit(Request::radiograph(radiograph.clone()).prompts(["There is edema"])).unwrap();
        let cancellation = Cancellation::new();
        let (mut ticket, other, place) = (ask(), ask(), queue.reserve().unwrap());
        let mut answers = queue
            .encode_all(std::iter::repeat_with(|| ((), Request::radiograph(radiograph.clone()))), &Cancellation::new())
            .unwrap();
        answers.next().unwrap().1.unwrap();
        // SAFETY: the child calls nothing but the library, which is what is tested, and ends by `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let image = model.encode_image(&radiograph).map(drop).unwrap_err();
            // A known prompt would need no thread; it is refused too, so that the answer does not depend on the cache.
            let prompts = model.encode_prompts(&["There is edema"]).map(drop).unwrap_err();
            let pixels = model.pixels(&radiograph).map(drop).unwrap_err();
            println!("{} {} {} {prompts}", image.kind(), pixels.kind(), prompts.kind());
            // What needs no model goes on: reading with its threads, maps and masks.
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom/files/window.dcm");
            Radiograph::open(file).unwrap();
            assert_eq!(found[0].map(), map);
            assert_eq!(found[0].mask(0.5).unwrap(), map.mask(0.5).unwrap());
            assert_eq!(found[0].peak(), map.peak());
            // And so does a model of the child's own.
            let own = RadZero::open(std::env::args_os().nth(1).unwrap()).unwrap();
            let again = own.infer(&radiograph, &["There is edema"]).unwrap();
            assert_eq!(again[0].logit().to_bits(), found[0].logit().to_bits());
            // Nothing of the queue waits for threads that are not there: neither calls nor what is dropped.
            let request = || Request::radiograph(radiograph.clone());
            let refused = [
                queue.submit(request()).map(drop),
                place.submit(request()).map(drop),
                queue.lane().map(drop),
                queue.status().map(drop),
                queue.drain(&Cancellation::new()),
                queue.encode_all([((), request())], &Cancellation::new()).map(drop),
                awaited(&mut ticket).map(drop),
                answers.next().unwrap().1.map(drop),
                other.wait().map(drop),
            ];
            assert!(refused.iter().all(|refused| refused.as_ref().is_err_and(|e| e.kind() == ErrorKind::Forked)));
            model.clear_prompt_cache();
            cancellation.cancel();
            // One of the child's own, whose threads may lie where the parent's did.
            let own = EncoderQueue::new(Arc::new(own)).unwrap();
            assert_eq!(own.submit(request().cancellation(&cancellation)).unwrap_err().kind(), ErrorKind::Forked);
            queue.shut_down();
            drop((answers, ticket, queue, model));
            own.submit(request().deadline(Instant::now() + Duration::from_secs(600))).unwrap().wait().unwrap();
            drop(own);
            println!("child goes on");
            // SAFETY: ends the process without the parent's clean-up.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        // The parent is as good as before.
        drop((place, answers));
        for ticket in [ticket, other] {
            assert_eq!(ticket.wait().unwrap().comparisons[0].logit(), found[0].logit());
        }
        model.infer(&radiograph, &["There is edema"]).unwrap();
        println!("parent goes on, child ended with {status}");
    }
}
