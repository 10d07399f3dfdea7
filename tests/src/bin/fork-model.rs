//! `fork-model MODEL_DIR`: opens a model and forks; the child asks it, and prints the kinds of the errors that it gets. A program of
//! its own, as a test's threads must not be there when a process forks.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    #[cfg(unix)]
    {
        use ndarray::Array2;
        use radzero_core::{RadZero, Radiograph};

        let model = RadZero::open(std::env::args_os().nth(1).unwrap()).unwrap();
        let radiograph = Radiograph::from_gray(Array2::from_shape_fn((40, 40), |(y, x)| (x * y) as u8)).unwrap();
        let found = model.infer(&radiograph, &["There is edema"]).unwrap();
        let map = found[0].map();
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
            println!("child goes on");
            // SAFETY: ends the process without the parent's clean-up.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        // The parent is as good as before.
        model.infer(&radiograph, &["There is edema"]).unwrap();
        println!("parent goes on, child ended with {status}");
    }
}
