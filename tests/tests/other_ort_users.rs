//! Other users of ONNX Runtime in the same process, who start before or after radzero. A process has one environment, so each case
//! runs in a process of its own.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use ort::session::Session;
use radzero_core::{Comparison, ErrorKind, RadZero, Radiograph, Runtime};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// A user of the C API, with its own handle of the library and its own reference to the environment.
struct CUser {
    api: *const ort::sys::OrtApi,
    environment: *mut ort::sys::OrtEnv,
}

impl CUser {
    fn start(library: &Path) -> Self {
        // SAFETY: the library is ONNX Runtime, whose entry point has this signature; the status is checked before the environment
        // is used; the handle is never closed.
        unsafe {
            let library = libloading::Library::new(library).unwrap();
            let entry =
                library.get::<unsafe extern "system" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0").unwrap();
            let api = ((*entry()).GetApi)(ort::sys::ORT_API_VERSION);
            std::mem::forget(library);
            let mut environment = std::ptr::null_mut();
            let status = ((*api).CreateEnv)(
                ort::sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING,
                c"other".as_ptr(),
                &raw mut environment,
            );
            assert!(status.0.is_null() && !environment.is_null());
            Self { api, environment }
        }
    }

    fn end(self) {
        // SAFETY: made by `CreateEnv`, and released once.
        unsafe { ((*self.api).ReleaseEnv)(self.environment) };
    }
}

fn result(model: &RadZero) -> String {
    let radiograph = Radiograph::open(golden_path("images/gray8.png")).unwrap();
    let comparisons = model.infer(&radiograph, &["There is edema"]).unwrap();
    serde_json::to_string(&Comparison::record(&comparisons).unwrap()).unwrap()
}

#[test]
#[ignore = "needs a process of its own: started by the last test"]
fn other_users_may_start_and_end_at_any_time() {
    assert!(Path::new(&std::env::var_os("ORT_DYLIB_PATH").unwrap()).is_dir());
    let library = Runtime::find_library().unwrap();
    assert!(library.is_file(), "{}", library.display());

    let before = CUser::start(&library);
    let exported = Exported::case("native");
    let model = exported.open();
    let expected = result(&model);
    before.end();
    assert_eq!(result(&model), expected, "the other one's end is not ours");

    let after = CUser::start(&library);
    assert_eq!(result(&model), expected);
    after.end();

    // A host that starts to use `ort` now cannot create an environment, but can use this one.
    assert!(ort::init().with_name("late").build().is_err());
    let runtime = model.runtime().clone();
    let mut builder = Session::builder(runtime.environment()).unwrap();
    let session = builder.commit_from_file(exported.directory().join("text_encoder.onnx")).unwrap();
    assert_eq!(session.inputs().len(), 2);
    assert_eq!(result(&model), expected);
    drop((session, model));
    assert_eq!(result(&exported.open()), expected, "opened anew");
    assert_eq!(Runtime::load(&library).unwrap().library(), library);
}

/// A host has created an environment and did not pass it to radzero.
#[test]
#[ignore = "needs a process of its own: started by the last test"]
fn an_environment_that_was_not_passed_is_reported_as_in_use() {
    let environment = ort::init_from(Runtime::find_library().unwrap()).unwrap().with_telemetry(false).build().unwrap();
    let error = Runtime::discover().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuntimeInUse);
    assert!(error.to_string().contains("Runtime::from_environment"), "{error}");
    // It can still be passed.
    Runtime::from_environment(environment).unwrap();
    drop(Exported::case("native").open());
}

#[test]
fn each_case_passes_in_a_process_of_its_own() {
    for case in
        ["other_users_may_start_and_end_at_any_time", "an_environment_that_was_not_passed_is_reported_as_in_use"]
    {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        // A folder, which `ort` itself would take for the file.
        let library = Runtime::find_library().unwrap();
        process.args(["--ignored", "--exact", case]).env("ORT_DISABLE_TELEMETRY", "1");
        process.env("ORT_DYLIB_PATH", library.parent().unwrap());
        let output = process.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains("1 passed"), "{case}: {printed}");
    }
}
