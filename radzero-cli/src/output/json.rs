//! Results as JSON, one object per line.

use radzero_core::record::ResultRecord;
use serde::Serialize;

use crate::error::Failure;

/// The result of an image: the record of the library, with the paths.
#[derive(Debug, Serialize)]
pub(crate) struct ImageLine<'a> {
    image: &'a str,
    #[serde(flatten)]
    record: ResultRecord,
    /// The execution provider that ran the image graph, repeated at the top level.
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maps: Option<&'a str>,
}

impl<'a> ImageLine<'a> {
    pub(crate) fn new(image: &'a str, record: ResultRecord, maps: Option<&'a str>) -> Self {
        Self { image, provider: record.provenance.image_encoder.provider.clone(), record, maps }
    }

    /// The line, with the newline.
    pub(crate) fn line(&self) -> Result<String, Failure> {
        let mut line = serde_json::to_string(self).map_err(|error| Failure::Output(error.into()))?;
        line.push('\n');
        Ok(line)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use radzero_core::manifest::sha256_bytes;
    use radzero_core::record::{
        Device, EncoderRecord, ImageRecord, ModelRecord, PromptResult, ReadingRecord, TextRecord,
    };

    #[test]
    fn the_line_is_the_record_with_paths() {
        let nodes = [("CPUExecutionProvider".to_owned(), 101)];
        let encoder = EncoderRecord::new(Device::Cpu, nodes.into(), Some("avx2"), "1.31.1");
        let model = ModelRecord::named("demo", sha256_bytes(b""));
        let image = ImageRecord::new(model.clone(), 518, (1955, 1841), ReadingRecord::memory(), encoder.clone());
        let result = PromptResult {
            prompt: "There is\nfibrosis".into(),
            probability: 0.5,
            logit: 0.0,
            map_min: 0.125,
            map_max: 0.875,
            point: [1022, 523],
        };
        let record = ResultRecord::new(&image, &TextRecord::new(model, encoder), vec![result]);
        let line = |maps| ImageLine::new("a \"b\".png", record.clone(), maps).line().unwrap();
        let text = line(None);
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line");
        assert!(text.starts_with(r#"{"image":"a \"b\".png","record":1,"width":1955,"height":1841,"#), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["provider"], "CPUExecutionProvider");
        assert_eq!(value.get("maps"), None);
        assert_eq!(serde_json::from_value::<ResultRecord>(value).unwrap(), record);
        let value: serde_json::Value = serde_json::from_str(&line(Some("maps/a.npy"))).unwrap();
        assert_eq!(value["maps"], "maps/a.npy");
    }
}
