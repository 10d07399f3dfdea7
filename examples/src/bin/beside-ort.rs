//! Beside another user of `ort`: `beside-ort MODEL_DIR IMAGE SENTENCE`. One ONNX Runtime and one environment serve both.
//!
//! A process can have only one environment. The host makes it as it likes and hands it over; or it takes radzero's, with
//! [`Runtime::environment`].

use std::error::Error;

use radzero_core::ort::{self, session::Session};
use radzero_core::{RadZero, Radiograph, Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, image, sentence] = arguments.as_slice() else {
        return Err("usage: beside-ort MODEL_DIR IMAGE SENTENCE".into());
    };
    // ONNX Runtime's uploader starts with the environment, and this is what stops it.
    // SAFETY: nothing has started a thread yet, so nothing reads the environment meanwhile.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    // The file, not the directory that ORT_DYLIB_PATH may name: `ort` panics on that.
    let environment = ort::init_from(Runtime::find_library()?)?.with_name("host").with_telemetry(false).build()?;
    let runtime = Runtime::from_environment(environment.clone())?;
    println!("ONNX Runtime {} serves both", runtime.version());

    // The host's own model; here one that is at hand.
    let own = Session::builder(&environment)?.commit_from_file(format!("{directory}/text_encoder.onnx"))?;
    let names: Vec<&str> = own.inputs().iter().map(|input| input.name()).collect();
    println!("the host's session takes {}", names.join(", "));

    let model = RadZero::builder(directory).runtime(runtime).open()?;
    for found in model.infer(&Radiograph::open(image)?, &[sentence])? {
        println!("radzero: {:.3} for {}", found.probability(), found.prompt());
    }
    Ok(())
}
