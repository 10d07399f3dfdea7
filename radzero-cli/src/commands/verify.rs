//! `radzero verify`: whether a model directory is complete, and whether this machine reproduces the results of its checkpoint.

use radzero_core::ErrorKind;
use radzero_core::manifest::ModelDirectory;

use crate::NOTICE;
use crate::args::VerifyArgs;
use crate::console::{complain, lines, one_line, print, print_last, progress, shown};
use crate::error::{Completion, Failure};
use crate::job;

/// Runs the checks in order and stops at the first that fails.
pub(crate) fn run(args: &VerifyArgs) -> Result<Completion, Failure> {
    complain(NOTICE);
    // Wrong usage says nothing about the model, so it is refused before any check is printed.
    args.model.check()?;
    match check(args) {
        Ok(()) => Ok(Completion::Done),
        // A problem with the model is a result of this command; a problem with running the checks is not.
        Err(Failure::Library(error))
            if matches!(
                error.kind(),
                ErrorKind::Model | ErrorKind::ModelVersion | ErrorKind::SelfTest | ErrorKind::Inference
            ) =>
        {
            let message = Failure::Library(error).message();
            print_last(&format!("failed     {}\n", lines(&message).replace('\n', "\n         ")))?;
            Ok(Completion::SomeFailed)
        }
        Err(failure) => Err(failure),
    }
}

fn check(args: &VerifyArgs) -> Result<(), Failure> {
    let directory = ModelDirectory::open(&args.model.model)?;
    let manifest = directory.manifest();
    print(&format!(
        "manifest   {}: model {}, written by {}, weights under {}\n",
        shown(directory.path()),
        one_line(&manifest.name),
        one_line(&manifest.generator),
        one_line(&manifest.weights_license)
    ))?;
    for assumption in &manifest.assumed {
        print(&format!(
            "           assumed {} = {}: {}\n",
            one_line(&assumption.field),
            one_line(&assumption.value),
            one_line(&assumption.reason)
        ))?;
    }

    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    let bar = progress(bytes, "{bar:32} {bytes}/{total_bytes} hashed, {eta} left");
    let verified = directory.verify_files(|read| bar.inc(read));
    bar.finish_and_clear();
    verified?;
    print(&format!(
        "files      {} files, {bytes} bytes: each has the SHA-256 of the manifest\n",
        manifest.files.len()
    ))?;

    let model = job::open(&args.model)?;
    print(&format!(
        "contract   inputs and outputs of both graphs as in the manifest\n\
         placement  image graph on {}; text graph on {}\n\
         kernels    {}\n",
        job::placement(model.image_placement()),
        job::placement(model.text_placement()),
        model.kernels().unwrap_or("none of its own")
    ))?;

    let report = model.self_test()?;
    print_last(&format!(
        "self-test  greatest difference {:.1e} in tokens, {:.1e} in embeddings; {:.1e} allowed\n\
         good       model hash {}, device {}, ONNX Runtime {}\n",
        report.tokens,
        report.embeddings,
        report.tolerance,
        directory.hash(),
        model.device(),
        model.runtime().version()
    ))
}
