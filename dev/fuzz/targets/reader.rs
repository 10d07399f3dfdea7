//! Any bytes with any intensity policy give a radiograph or a typed error. `run.sh` seeds it with the synthetic test files.

#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use radzero_image::{IntensityPolicy, ReadOptions};

static HOOK: Once = Once::new();

fuzz_target!(|data: &[u8]| {
    // The fuzzer's own hook aborts at every panic, even at a decoder's panic that the reader catches. Without the hook, only
    // panics that are not caught end the process.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    // The last byte chooses the policy, so that seeds are plain files.
    let policies = IntensityPolicy::ALL;
    let intensity = policies[usize::from(data.last().copied().unwrap_or(0)) % policies.len()];
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
