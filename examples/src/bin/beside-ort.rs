//! `beside-ort MODEL_DIR IMAGE SENTENCE` uses `ort` and radzero in one process, with one ONNX Runtime and one environment.
//!
//! A process can have only one environment. Here the host creates it and passes it to radzero. The other way is to let radzero
//! create it, and take it from [`Runtime::environment`].

use std::error::Error;

use radzero_core::ort::{self, session::Session};
use radzero_core::{RadZero, Radiograph, Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, image, sentence] = arguments.as_slice() else {
        return Err("usage: beside-ort MODEL_DIR IMAGE SENTENCE".into());
    };
    // ONNX Runtime's telemetry uploader starts with its environment unless this variable is set.
    // SAFETY: no other thread has been started yet, so none reads the variables meanwhile.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    // ORT_DYLIB_PATH may name a directory, on which `ort` panics: `find_library` gives the file.
    let environment = ort::init_from(Runtime::find_library()?)?.with_name("host").with_telemetry(false).build()?;
    let runtime = Runtime::from_environment(environment.clone())?;
    println!("ONNX Runtime {} serves both", runtime.version());

    // Stands for a model of the host's own.
    let session = Session::builder(&environment)?.commit_from_file(format!("{directory}/text_encoder.onnx"))?;
    let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    println!("the host's session takes {}", names.join(", "));

    let model = RadZero::builder(directory).runtime(runtime).open()?;
    for comparison in model.infer(&Radiograph::open(image)?, &[sentence])? {
        println!("radzero: {:.3} for {}", comparison.probability(), comparison.prompt());
    }
    Ok(())
}
