//! The JSON Schema of a result.

use serde_json::Value;

use super::ResultRecord;

/// The JSON Schema of [`ResultRecord`], as `docs/result.schema.json` holds it. It allows fields that a later version adds.
#[must_use]
pub fn result_schema() -> Value {
    let mut schema = schemars::schema_for!(ResultRecord).to_value();
    simplify_descriptions(&mut schema);
    // A later version may add warnings.
    let known = schema["$defs"]["Warning"].take();
    schema["$defs"]["Warning"] = serde_json::json!({
        "description": known["description"],
        "anyOf": [{"oneOf": known["oneOf"]}, {"type": "string"}]
    });
    schema["title"] = "What radzero finds in one image".into();
    schema
}

/// Removes links and markup from descriptions, which come from the doc comments of the types.
fn simplify_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(text) if name == "description" => {
                for (from, to) in
                    [("[`", ""), ("`]", ""), ("`None`", "null"), ("`", ""), ("\\[", "["), ("\\]", "]"), ("\n", " ")]
                {
                    *text = text.replace(from, to);
                }
            }
            value => simplify_descriptions(value),
        }),
        Value::Array(values) => values.iter_mut().for_each(simplify_descriptions),
        _ => {}
    }
}
