//! `radzero doctor`: which ONNX Runtime is found, and which devices work here.

use radzero_core::{Device, Runtime};

use crate::console::{one_line, print, shown};
use crate::error::{Failure, Outcome};

/// Every kind of device, the first of each.
const DEVICES: [Device; 5] =
    [Device::Cpu, Device::OpenVino, Device::OpenVinoBf16, Device::Cuda(0), Device::TensorRt(0)];

/// Prints what is found, line by line, as some devices take seconds to try.
pub(crate) fn run() -> Result<Outcome, Failure> {
    let runtime = Runtime::discover()?;
    let (library, version) = (shown(runtime.library()), runtime.version());
    print(&format!("library    {library}\nversion    {version}; {} or newer needed\n", Runtime::OLDEST))?;
    print(&format!("built with {}\n", runtime.providers()?.join(", ")))?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    print(&format!(
        "cores      {cores}\nkernels    {}\n",
        Runtime::kernels().unwrap_or("none of its own for this processor")
    ))?;
    let mut outcome = Outcome::Done;
    for device in DEVICES {
        let report = runtime.try_device(device);
        let line = match &report.outcome {
            Ok(time) => format!("works (started in {:.1} ms)", time.as_secs_f64() * 1e3),
            Err(error) => one_line(&format!("{error:#}").replace('\n', " ")).into_owned(),
        };
        // The CPU is what must work everywhere.
        if report.outcome.is_err() && device == Device::Cpu {
            outcome = Outcome::SomeFailed;
        }
        print(&format!("{:<13} {line}\n", device.to_string()))?;
    }
    Ok(outcome)
}
