//! Any bytes, any policy: a radiograph or a typed error. `run.sh` starts it with the synthetic files as seeds.

#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};

static HOOK: Once = Once::new();

fuzz_target!(|data: &[u8]| {
    // The fuzzer's own hook ends the process at any panic, even one of a decoder that the reader catches. Those that it does
    // not catch still end it.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    // The last byte chooses, so that seeds are plain files.
    let intensity = match data.last().copied().unwrap_or(0) % 3 {
        0 => IntensityPolicy::Reference,
        1 => IntensityPolicy::Display,
        _ => IntensityPolicy::MinMax,
    };
    let options = ReadOptions {
        intensity,
        frame: Some(0),
        allow_for_processing: true,
        apply_exif_orientation: true,
        source_reference: true,
    };
    match options.read_bytes(data) {
        Ok(radiograph) => assert!(radiograph.width() > 0 && radiograph.height() > 0),
        Err(error) => assert!(error.kind().is_image()),
    }
});
