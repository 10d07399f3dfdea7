//! A `tracing` subscriber sees the stages, but no prompt, path or identifier.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};

use radzero_core::radiograph::ReadOptions;
use radzero_core::{ErrorKind, Radiograph};
use radzero_tests::models::Exported;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that records all spans and events as lines of text.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl Recorder {
    fn add(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
        let mut line = metadata.name().to_owned();
        record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("radzero")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.add(span.metadata(), |fields| span.record(fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = "recorded".to_owned();
        values.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn event(&self, event: &Event<'_>) {
        self.add(event.metadata(), |fields| event.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn stages_are_traced_without_prompts_paths_or_identifiers() {
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), || {
        let model = Exported::case("native").open();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom/files/plain.dcm");
        let options = ReadOptions { source_reference: true, ..ReadOptions::default() };
        let radiograph = options.open(&file).unwrap();
        assert!(radiograph.source().unwrap().sop_instance_uid.is_some());
        model.infer(&radiograph, &["Mrs Doe has edema"]).unwrap();
        assert_eq!(Radiograph::from_bytes(b"Mrs Doe").unwrap_err().kind(), ErrorKind::NotAnImage);
    });
    let lines = recorder.0.lock().unwrap().clone();
    let all = lines.join("\n");
    for stage in [
        "radzero.open device=cpu",
        "radzero.read bytes=",
        "radzero.encode_prompts prompts=1",
        "recorded new=1",
        "radzero.encode_images images=1",
        "radzero.compare prompts=1",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(stage)), "{stage}: {all}");
    }
    assert!(lines.iter().any(|line| line.contains("model opened") && line.contains("onnxruntime=")), "{all}");
    for secret in ["Doe", "edema", "plain.dcm", "1.2.826", "SECRET"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}
