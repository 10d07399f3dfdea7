//! Reads settings from JSON, and collects all problems and assumptions with the names of their fields.

use radzero_format::manifest::Assumption;
use serde_json::{Map, Value};

use crate::error::SettingProblem;

/// The problems and assumptions found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<SettingProblem>,
    pub(super) assumed: Vec<Assumption>,
}

impl Findings {
    pub(super) fn refuse(&mut self, field: &str, found: impl ToString, expected: impl Into<String>) {
        let (field, found, expected) = (field.to_owned(), found.to_string(), expected.into());
        self.problems.push(SettingProblem { field, found, expected });
    }

    pub(super) fn assume(&mut self, field: &str, value: impl ToString, reason: &str) {
        self.assumed.push(Assumption { field: field.to_owned(), value: value.to_string(), reason: reason.to_owned() });
    }
}

/// The fields of one JSON object.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    /// `file: path.to.object.`, the prefix of field names in messages.
    prefix: String,
    fields: Option<&'a Map<String, Value>>,
}

/// The reason recorded for defaults of the DINOv2 configuration.
pub(super) const DINOV2_DEFAULT: &str = "not stated; the default of transformers' Dinov2Config";

impl<'a> Section<'a> {
    /// The root object of a file.
    pub(super) fn root(file: &str, value: &'a Value, findings: &mut Findings) -> Self {
        if !value.is_object() {
            findings.refuse(file, kind(value), "an object");
        }
        Self { prefix: format!("{file}: "), fields: value.as_object() }
    }

    /// A nested object; empty if absent or `null`.
    pub(super) fn section(&self, name: &str, findings: &mut Findings) -> Self {
        let fields = match self.get(name) {
            None => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(other) => {
                findings.refuse(&self.field(name), kind(other), "an object");
                None
            }
        };
        Self { prefix: format!("{}{name}.", self.prefix), fields }
    }

    pub(super) fn exists(&self) -> bool {
        self.fields.is_some()
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a String> {
        self.fields.into_iter().flat_map(Map::keys)
    }

    /// The full name of a field, `file: path.to.name`.
    pub(super) fn field(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The value of a field, unless absent or `null`.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        findings: &mut Findings,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let converted = convert(value);
        if converted.is_none() {
            findings.refuse(&self.field(name), value, expected);
        }
        converted
    }

    /// A whole number in `least..=most`.
    pub(super) fn count(&self, name: &str, least: usize, most: usize, findings: &mut Findings) -> Option<usize> {
        self.read(name, &format!("a whole number of {least} to {most}"), findings, |value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (least..=most).contains(n))
        })
    }

    /// A finite number above zero.
    pub(super) fn positive(&self, name: &str, findings: &mut Findings) -> Option<f64> {
        self.read(name, "a number above 0", findings, |value| value.as_f64().filter(|n| n.is_finite() && *n > 0.0))
    }

    pub(super) fn boolean(&self, name: &str, findings: &mut Findings) -> Option<bool> {
        self.read(name, "true or false", findings, Value::as_bool)
    }

    pub(super) fn text(&self, name: &str, findings: &mut Findings) -> Option<&'a str> {
        self.read(name, "a text", findings, Value::as_str)
    }

    /// Three finite numbers, or one for all three.
    pub(super) fn channels(&self, name: &str, findings: &mut Findings) -> Option<[f64; 3]> {
        self.read(name, "three numbers, one a channel", findings, |value| {
            let number = |value: &Value| value.as_f64().filter(|n| n.is_finite());
            match value {
                Value::Array(values) => {
                    values.iter().map(number).collect::<Option<Vec<_>>>().and_then(|values| values.try_into().ok())
                }
                value => number(value).map(|n| [n; 3]),
            }
        })
    }

    /// `value`, or else `default`, which is recorded as an assumption.
    pub(super) fn or<T: ToString>(
        &self,
        name: &str,
        value: Option<T>,
        default: T,
        reason: &str,
        findings: &mut Findings,
    ) -> T {
        match value {
            Some(value) => value,
            None => {
                // A malformed value has been recorded as a problem.
                if self.get(name).is_none() {
                    findings.assume(&self.field(name), default.to_string(), reason);
                }
                default
            }
        }
    }

    /// Refuses any value but `only`; an absent one counts as `only`.
    pub(super) fn require(&self, name: &str, only: &Value, findings: &mut Findings) {
        if let Some(found) = self.get(name)
            && found != only
        {
            findings.refuse(&self.field(name), found, only.to_string());
        }
    }
}

/// The JSON type of a value, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
