//! The table of stages, for the terminal and for docs/parity.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::stages::Stage;
use crate::error::{Error, Result};

/// The stages as a Markdown table.
pub(super) fn table(stages: &[Stage]) -> String {
    let mut text = String::from("| stage | shape | largest absolute difference | bound |\n| --- | --- | --- | --- |\n");
    for Stage { name, shape, difference, bound } in stages {
        let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            name.replace('_', " "),
            shape.join(" x "),
            number(*difference),
            number(*bound)
        );
    }
    text
}

fn number(value: f64) -> String {
    if value == 0.0 { "0 (exact)".into() } else { format!("{value:.1e}") }
}

/// The text of docs/parity.md.
pub(super) fn page(stages: &[Stage], prompts: &[String], versions: &BTreeMap<String, String>) -> String {
    let versions: Vec<_> = versions.iter().map(|(name, version)| format!("- {name} {version}")).collect();
    let prompts: Vec<_> = prompts.iter().map(|prompt| format!("- {prompt}")).collect();
    format!(
        "# Parity with PyTorch

This page is written by `cargo xtask parity`, which fails if a difference is above its bound. It builds a full-size checkpoint in
the published layout, exports it, and runs PyTorch in fp32 and the exported model on the same image and prompts. The text encoder is
the real all-mpnet-base-v2. The vision encoder, the align transformer and the shared LayerNorm have seeded random weights, on a
scale at which every term matters. Position embeddings are stored for 16 x 16 patches and interpolated to 37 x 37 by the offset
convention. The image is a real chest radiograph, `RG1_UNCR.dcm` of the package pydicom-data (computed radiography, MONOCHROME1,
1955 x 1841 pixels).

The numbers say how exactly the computation is reproduced. They say nothing about radiographs, since the vision weights are random.

{}
Each side computes every stage from its own previous one, so differences add up. Shapes: the 8-bit radiograph is rows x columns x
channels, the resized pixels are channels x rows x columns, image tokens (1 + patches) x D with CLS first, text embeddings
prompts x D, scores prompts x g x g, and maps prompts x rows x columns.

Prompts:

{}

Versions:

{}
",
        table(stages),
        prompts.join("\n"),
        versions.join("\n"),
    )
}

/// Writes the page in one step, so that no part of it is left if that fails.
///
/// # Errors
/// [`Error::Io`] if the page cannot be written.
pub(super) fn write(path: &Path, page: &str) -> Result<()> {
    let failed = || Error::io("write", path);
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(failed())?;
    let mut file = tempfile::Builder::new().prefix(".parity-").tempfile_in(directory).map_err(failed())?;
    file.write_all(page.as_bytes()).map_err(failed())?;
    // Only the owner may read a temporary file; everybody may read the page.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed())?;
    }
    file.persist(path).map_err(|error| failed()(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Vec<Stage> {
        vec![
            Stage { name: "pixels", shape: vec![3, 518, 518], difference: 0.0, bound: 0.0 },
            Stage { name: "image_tokens", shape: vec![1370, 768], difference: 1.234e-6, bound: 1e-4 },
        ]
    }

    #[test]
    fn the_table_tells_exact_equality_from_small_differences() {
        assert_eq!(
            table(&stages()),
            "| stage | shape | largest absolute difference | bound |\n| --- | --- | --- | --- |\n\
             | pixels | 3 x 518 x 518 | 0 (exact) | 0 (exact) |\n\
             | image tokens | 1370 x 768 | 1.2e-6 | 1.0e-4 |\n"
        );
    }

    #[test]
    fn the_page_is_written_with_prompts_and_versions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docs/parity.md");
        let versions = BTreeMap::from([("PyTorch".to_owned(), "2.15.0".to_owned())]);
        write(&path, "old").unwrap();
        write(&path, &page(&stages(), &["There is fibrosis".to_owned()], &versions)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for part in ["- There is fibrosis\n", "- PyTorch 2.15.0\n", "| image tokens | 1370 x 768 | 1.2e-6 | 1.0e-4 |\n"]
        {
            assert!(text.contains(part), "{part:?} is missing");
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
