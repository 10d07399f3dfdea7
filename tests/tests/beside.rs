//! Others who use ONNX Runtime in the same process, before and after. A process has one environment, so each case is one of its own.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use ort::session::Session;
use radzero_core::{Comparison, ErrorKind, RadZero, Radiograph, Runtime};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// Another user, in C: its own handle of the library, its own reference to the environment.
struct Other {
    api: *const ort::sys::OrtApi,
    environment: *mut ort::sys::OrtEnv,
}

impl Other {
    fn start(library: &Path) -> Self {
        // SAFETY: the library is ONNX Runtime, whose entry point has this signature; the status is checked before what it
        // stands for is used; the handle is never closed.
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
        // SAFETY: made by `CreateEnv`, and given back once.
        unsafe { ((*self.api).ReleaseEnv)(self.environment) };
    }
}

fn answers(model: &RadZero) -> String {
    let radiograph = Radiograph::open(golden_path("images/gray8.png")).unwrap();
    let found = model.infer(&radiograph, &["There is edema"]).unwrap();
    serde_json::to_string(&Comparison::record(&found).unwrap()).unwrap()
}

#[test]
#[ignore = "a process of its own: started by the last test"]
fn others_come_and_go() {
    assert!(Path::new(&std::env::var_os("ORT_DYLIB_PATH").unwrap()).is_dir());
    let library = Runtime::find_library().unwrap();
    assert!(library.is_file(), "{}", library.display());

    let before = Other::start(&library);
    let exported = Exported::case("native");
    let model = exported.open();
    let expected = answers(&model);
    before.end();
    assert_eq!(answers(&model), expected, "the other one's end is not ours");

    let after = Other::start(&library);
    assert_eq!(answers(&model), expected);
    after.end();

    // A host with `ort` that comes later cannot make an environment, but can take this one.
    assert!(ort::init().with_name("late").build().is_err());
    let runtime = model.runtime().clone();
    let mut builder = Session::builder(runtime.environment()).unwrap();
    let own = builder.commit_from_file(exported.directory().join("text_encoder.onnx")).unwrap();
    assert_eq!(own.inputs().len(), 2);
    assert_eq!(answers(&model), expected);
    drop((own, model));
    assert_eq!(answers(&exported.open()), expected, "opened anew");
    assert_eq!(Runtime::load(&library).unwrap().library(), library);
}

/// What a host meets that has an environment and does not hand it in.
#[test]
#[ignore = "a process of its own: started by the last test"]
fn an_environment_that_is_kept_back_is_said_to_be_in_use() {
    let environment = ort::init_from(Runtime::find_library().unwrap()).unwrap().with_telemetry(false).build().unwrap();
    let error = Runtime::discover().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuntimeInUse);
    assert!(error.to_string().contains("Runtime::from_environment"), "{error}");
    // It can still be handed in.
    Runtime::from_environment(environment).unwrap();
    drop(Exported::case("native").open());
}

#[test]
fn each_case_in_a_process_of_its_own() {
    for case in ["others_come_and_go", "an_environment_that_is_kept_back_is_said_to_be_in_use"] {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        // A folder, which `ort` itself would take for the file.
        let library = Runtime::find_library().unwrap();
        alone.args(["--ignored", "--exact", case]).env("ORT_DISABLE_TELEMETRY", "1");
        alone.env("ORT_DYLIB_PATH", library.parent().unwrap());
        let output = alone.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{case}: {said}");
    }
}
