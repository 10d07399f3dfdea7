//! Prints the JSON Schema of a result: `cargo run -p radzero-tests --bin result-schema > docs/result.schema.json`.

#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

fn main() {
    println!("{}", serde_json::to_string_pretty(&radzero_format::record::result_schema()).unwrap());
}
