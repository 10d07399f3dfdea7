//! Tries devices with a tiny model.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use ort::session::Session;
use radzero_format::{Error, ErrorKind, Result};

use super::{Device, Placement, Runtime, failure, placement, providers};

/// The result of [`Runtime::try_device`].
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The device that was tried.
    pub device: Device,
    /// Whether the library was built with its execution provider.
    pub compiled_in: bool,
    /// How long it took to start the device and open a tiny model, or why that failed and what is needed.
    pub outcome: Result<Duration>,
}

impl Runtime {
    /// Execution providers that the library was built with, whether or not they work on this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] if ONNX Runtime does not tell.
    pub fn providers(&self) -> Result<Vec<String>> {
        let failed = |error: ort::Error| {
            failure::error(ErrorKind::Runtime, "ONNX Runtime does not tell its execution providers", error)
        };
        let api = ort::api();
        let mut names = Vec::new();
        // SAFETY: both out pointers are written before they are read, as the status is checked first; the strings are
        // copied before the array is released with the length it came with.
        unsafe {
            let mut list = std::ptr::null_mut();
            let mut count = 0;
            let status = (api.GetAvailableProviders)(&raw mut list, &raw mut count);
            ort::Error::result_from_status(status).map_err(failed)?;
            for index in 0..usize::try_from(count).unwrap_or(0) {
                names.push(CStr::from_ptr(*list.add(index)).to_string_lossy().into_owned());
            }
            let status = (api.ReleaseAvailableProviders)(list, count);
            ort::Error::result_from_status(status).map_err(failed)?;
        }
        Ok(names)
    }

    /// The error for a device that cannot be used.
    pub(super) fn unusable(&self, device: Device, error: ort::Error) -> Error {
        let compiled_in = self.providers().ok().map(|providers| is_among(&providers, device));
        providers::unusable(device, compiled_in, error)
    }

    /// Starts a device's execution provider and opens a model of a single matrix product on it.
    #[must_use]
    pub fn try_device(&self, device: Device) -> DeviceReport {
        let compiled_in = match self.providers() {
            Ok(providers) => is_among(&providers, device),
            Err(error) => return DeviceReport { device, compiled_in: false, outcome: Err(error) },
        };
        let started = Instant::now();
        let outcome = self.open_probe(device).map(|()| started.elapsed());
        DeviceReport { device, compiled_in, outcome }
    }

    fn open_probe(&self, device: Device) -> Result<()> {
        let failed =
            |error: ort::Error| failure::error(ErrorKind::Provider, format!("{device} cannot open a model"), error);
        let mut builder = Session::builder(&self.environment)
            .and_then(|builder| Ok(builder.with_intra_threads(1)?.with_config_entry(placement::RECORD_KEY, "1")?))
            .map_err(failed)?;
        if let Some(provider) = providers::of(device)?.trial() {
            builder =
                builder.with_execution_providers([provider]).map_err(|error| self.unusable(device, error.into()))?;
        }
        let session = builder.commit_from_memory(&product()).map_err(failed)?;
        Placement::read(&session)?.require(device, "the trial model")
    }
}

fn is_among(providers: &[String], device: Device) -> bool {
    providers.iter().any(|name| name == device.provider())
}

/// An ONNX model that multiplies two 8 x 8 matrices.
fn product() -> Vec<u8> {
    // Protocol buffers: a key of field number and wire type, then a length and its bytes, or a number.
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let count = |number: u8, value: u8| vec![number << 3, value];
    let side = field(1, &count(1, 8));
    let tensor = [count(1, 1), field(2, &[side.clone(), side].concat())].concat();
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat();
    let node = [field(1, b"a"), field(1, b"b"), field(2, b"c"), field(4, b"MatMul")].concat();
    let graph =
        [field(1, &node), field(2, b"trial"), field(11, &value("a")), field(11, &value("b")), field(12, &value("c"))]
            .concat();
    [count(1, 10), field(7, &graph), field(8, &count(2, 21))].concat()
}
