//! A host that uses `ort` itself passes its environment. This is a separate test binary because a process has one environment.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use radzero_core::{ErrorKind, RadZero, Radiograph, Runtime};
use radzero_tests::golden::Tensors;
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// Largest difference allowed, as in the golden tests.
const VALUE: f32 = 1e-4;

/// The library, loaded by the host and not by radzero.
fn library() -> PathBuf {
    // The variable may be relative to the workspace, but cargo runs tests in the package's folder.
    let path = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH").unwrap_or_else(|| panic!("run `cargo xtask setup`")));
    // SAFETY: the only test of this binary calls this first, so no other thread reads the environment.
    unsafe { std::env::set_var("ORT_DYLIB_PATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)) };
    Runtime::find_library().unwrap()
}

fn runtime() -> Runtime {
    // SAFETY: the only test of this binary calls this first, so no other thread reads the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    let environment = ort::init_from(library()).unwrap().with_name("host").with_telemetry(false).build().unwrap();
    let runtime = Runtime::from_environment(environment.clone()).unwrap();
    // Passing it again has no effect.
    Runtime::from_environment(environment).unwrap();
    runtime
}

#[test]
fn the_environment_passed_by_the_host_is_used() {
    let runtime = runtime();
    // The library is known although the host loaded it.
    assert_eq!(runtime.library(), library().canonicalize().unwrap());
    let minor: u32 = runtime.version().split('.').nth(1).unwrap().parse().unwrap();
    assert!(runtime.version().starts_with("1.") && minor >= 24, "{}", runtime.version());
    // It remains the only one of the process.
    assert_eq!(Runtime::discover().unwrap().library(), runtime.library());
    let error = Runtime::load(library()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuntimeInUse, "{error}");
    assert!(error.to_string().contains("environment of its host"), "{error}");

    let exported = Exported::case("native");
    let case = exported.golden.case("native");
    let model = RadZero::builder(exported.directory()).runtime(runtime.clone()).open().unwrap();
    assert_eq!(model.image_encoder().unwrap().onnxruntime, runtime.version());
    let expected = Tensors::load(&case.expected);
    let prompts: Vec<&str> =
        exported.golden.prompts[&case.prompts].prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    for image in case.images.iter().filter(|image| exported.golden.images[&image.name].pixel_tolerance == 0) {
        let radiograph = Radiograph::open(golden_path(&exported.golden.images[&image.name].file)).unwrap();
        let found = model.infer(&radiograph, &prompts).unwrap();
        let logits = expected.f32(&format!("{}/logits", image.name));
        assert_eq!(found.len(), logits.len());
        for (comparison, expected) in found.iter().zip(&logits) {
            assert!((comparison.logit() - expected).abs() <= VALUE, "{}: {}", image.name, comparison.prompt());
        }
    }

    the_host_configures_sessions(&exported, &runtime);
}

/// The host's changes to the session options apply, and their failure is reported as an error of kind `Argument`.
fn the_host_configures_sessions(exported: &Exported, runtime: &Runtime) {
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = calls.clone();
    let open = RadZero::builder(exported.directory()).runtime(runtime.clone()).configure_session(move |builder| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(builder.with_intra_threads(1)?)
    });
    open.open().unwrap();
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2, "one session a graph");

    let failing = RadZero::builder(exported.directory())
        .runtime(runtime.clone())
        .configure_session(|_| Err(ort::Error::new("no such option here")));
    let error = failing.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument, "{error}");
    assert!(error.to_string().contains("configure_session failed"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("no such option here"), "{cause}");
}
