//! `radzero doctor`: which ONNX Runtime is found, and which devices work on this machine.

use radzero_core::{Device, Runtime};

use crate::console::{one_line, print, shown};
use crate::error::{Completion, Failure};

/// Prints line by line, because some devices take seconds to try.
pub(crate) fn run() -> Result<Completion, Failure> {
    let runtime = Runtime::discover()?;
    let (library, version) = (shown(runtime.library()), runtime.version());
    print(&format!("library    {library}\nversion    {version}; {} or newer needed\n", Runtime::OLDEST))?;
    print(&format!("built with {}\n", runtime.providers()?.join(", ")))?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    print(&format!(
        "cores      {cores}\nkernels    {}\n",
        Runtime::kernels().unwrap_or("none of its own for this processor")
    ))?;
    let mut completion = Completion::Done;
    for device in Device::ALL {
        let report = runtime.try_device(device);
        let line = match &report.outcome {
            Ok(time) => format!("works (started in {:.1} ms)", time.as_secs_f64() * 1e3),
            Err(error) => one_line(&format!("{error:#}").replace('\n', " ")).into_owned(),
        };
        // Only the CPU must work everywhere.
        if report.outcome.is_err() && device == Device::Cpu {
            completion = Completion::SomeFailed;
        }
        print(&format!("{:<13} {line}\n", device.to_string()))?;
    }
    Ok(completion)
}
