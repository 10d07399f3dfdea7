//! The packages that would be published: what they hold, and whether their tests pass without the repository around them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::process::Step;
use crate::{demo, setup};

/// Where packages are made and unpacked.
const DIRECTORY: &str = "target/packages";

/// Files that every package must hold. The licences must equal those of the repository.
const REQUIRED: [&str; 5] = ["Cargo.toml", "README.md", "src", LICENCES[0], LICENCES[1]];
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Files that cargo adds.
const BY_CARGO: [&str; 3] = ["Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json"];

/// Files below `src` that are not Rust. Golden data of tests is none of them.
const DATA: [&str; 1] = ["src/report/published.json"];

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only check that the unpacked packages compile, without their tests
    #[arg(long)]
    check: bool,
}

/// Packs every crate that is published, checks what each package holds, and compiles all of them in a workspace of the unpacked
/// packages; without `--check` it runs their unit tests and doctests there.
///
/// # Errors
/// [`Error::Packages`] lists what is wrong with the packages; otherwise that of the first step that fails.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let library = setup::library(root)?;
    let published = published(root)?;
    let unpacked = unpack(root, &published)?;
    let in_repository = published.iter().flat_map(|package| licences(root, &package.folder));
    let in_packages = published.iter().flat_map(|package| check(root, &unpacked.join(package.file_name())));
    let problems: Vec<String> = in_repository.chain(in_packages).collect();
    if !problems.is_empty() {
        return Err(Error::Packages(problems));
    }
    make_workspace(root, &unpacked, &published)?;
    // Compiled dependencies are shared with the repository's own tests.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    let commands: &[&[&str]] = match arguments.check {
        true => &[&["check"]],
        false => &[&["test", "--lib", "--bins"], &["test", "--doc"]],
    };
    for command in commands {
        Step::cargo()
            .args(*command)
            .args(["--workspace", "--all-features"])
            .directory(&unpacked)
            .env(setup::VARIABLE, &library)
            .env("CARGO_TARGET_DIR", &target)
            .run()?;
    }
    let passed = if arguments.check { "compile" } else { "pass their tests" };
    say!("{} packages are complete and {passed} unpacked: {DIRECTORY}/package", published.len());
    Ok(())
}

/// A crate that is published.
struct Published {
    name: String,
    version: String,
    /// Its folder in the repository.
    folder: PathBuf,
}

impl Published {
    /// The name of its package without `.crate`, and of the folder in it.
    fn file_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// The members of the workspace without `publish = false`.
fn published(root: &Path) -> Result<Vec<Published>> {
    let metadata = Step::cargo().args(["metadata", "--no-deps", "--format-version", "1"]).directory(root).capture()?;
    let manifest = root.join("Cargo.toml");
    let malformed = |message: String| Error::Malformed { path: manifest.clone(), message };
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| malformed(error.to_string()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // `publish` is null where it is not restricted, and a list of registries, empty for `false`, otherwise.
    let published = packages.filter(|package| package["publish"].is_null()).map(|package| {
        let text = |field: &str| {
            let value = package[field].as_str();
            value.ok_or_else(|| malformed(format!("cargo metadata has a package without {field}")))
        };
        let manifest = Path::new(text("manifest_path")?);
        let folder = manifest.parent().unwrap_or(root).to_owned();
        Ok(Published { name: text("name")?.into(), version: text("version")?.into(), folder })
    });
    published.collect()
}

/// Makes the packages and unpacks them; returns the folder that they are in.
fn unpack(root: &Path, published: &[Published]) -> Result<PathBuf> {
    let directory = root.join(DIRECTORY);
    demo::clear(&directory)?;
    // Uncommitted changes are packed as they are.
    Step::cargo()
        .args(["package", "--no-verify", "--allow-dirty", "--target-dir", DIRECTORY])
        .args(published.iter().flat_map(|package| ["--package", &package.name]))
        .directory(root)
        .capture()?;
    let unpacked = directory.join("unpacked");
    for package in published {
        let archive = directory.join("package").join(package.file_name()).with_added_extension("crate");
        let file = File::open(&archive).map_err(Error::io("open", &archive))?;
        let mut packed = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
        packed.unpack(&unpacked).map_err(Error::io("unpack", &archive))?;
    }
    Ok(unpacked)
}

/// Licence texts of `folder` that are not those of the repository.
fn licences(root: &Path, folder: &Path) -> Vec<String> {
    let differs = |name: &&str| fs::read(folder.join(name)).ok() != fs::read(root.join(name)).ok();
    let named = |name| format!("{} differs from {name} of the repository", folder.join(name).display());
    LICENCES.into_iter().filter(differs).map(named).collect()
}

/// What is wrong with an unpacked package.
fn check(root: &Path, package: &Path) -> Vec<String> {
    let mut files = BTreeSet::new();
    if let Err(error) = list(package, Path::new(""), &mut files) {
        return vec![error.chain()];
    }
    let shown = package.display();
    let missing = REQUIRED.iter().filter(|name| !package.join(name).exists());
    let missing = missing.map(|name| format!("{shown}: {name} is missing"));
    let surplus = files.iter().filter(|file| !belongs(file)).map(|file| format!("{shown}: {file} must not be packed"));
    missing.chain(surplus).chain(licences(root, package)).collect()
}

/// Whether a file, with its path in the package, is part of it.
fn belongs(file: &str) -> bool {
    REQUIRED.contains(&file)
        || BY_CARGO.contains(&file)
        || DATA.contains(&file)
        || (file.starts_with("src/") && file.ends_with(".rs"))
}

/// Adds the files below `folder` of `package`, with their paths in it.
fn list(package: &Path, folder: &Path, files: &mut BTreeSet<String>) -> Result<()> {
    let path = package.join(folder);
    for entry in fs::read_dir(&path).map_err(Error::io("list", &path))? {
        let entry = entry.map_err(Error::io("list", &path))?;
        let inside = folder.join(entry.file_name());
        if entry.file_type().map_err(Error::io("inspect", &entry.path()))?.is_dir() {
            list(package, &inside, files)?;
        } else {
            files.insert(inside.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// Makes a workspace of the unpacked packages.
fn make_workspace(root: &Path, unpacked: &Path, published: &[Published]) -> Result<()> {
    let read = |path: PathBuf| fs::read_to_string(&path).map_err(Error::io("read", &path));
    let write = |path: PathBuf, text: &str| fs::write(&path, text).map_err(Error::io("write", &path));
    let manifest = manifest(published, &read(root.join("Cargo.toml"))?);
    write(unpacked.join("Cargo.toml"), &manifest)?;
    // The same versions of all dependencies.
    write(unpacked.join("Cargo.lock"), &read(root.join("Cargo.lock"))?)
}

/// The manifest of that workspace. The packages depend on each other, and not on the repository's crates; profiles are those of
/// the `repository`, whose manifest ends with them.
fn manifest(published: &[Published], repository: &str) -> String {
    let members: String = published.iter().map(|package| format!("    \"{}\",\n", package.file_name())).collect();
    let patch = |package: &Published| format!("{} = {{ path = \"{}\" }}\n", package.name, package.file_name());
    let patches: String = published.iter().map(patch).collect();
    let profiles = repository.find("[profile.").map_or("", |start| &repository[start..]);
    format!("[workspace]\nresolver = \"3\"\nmembers = [\n{members}]\n\n[patch.crates-io]\n{patches}\n{profiles}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_belong_and_golden_data_does_not() {
        for file in ["Cargo.toml", "Cargo.lock", "README.md", "LICENSE-MIT", "src/lib.rs", "src/a/b.rs"] {
            assert!(belongs(file), "{file}");
        }
        for file in ["tests/golden/golden.json", "tests/output.rs", "src/golden.json", "fit/gelu.py", "notes.md"] {
            assert!(!belongs(file), "{file}");
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("radzero-x-0.1.0");
        fs::create_dir_all(package.join("src/golden")).unwrap();
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            fs::write(root.path().join(file), file).unwrap();
        }
        for file in ["Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs", "src/golden/values.npy"] {
            fs::write(package.join(file), file).unwrap();
        }
        let problems = check(root.path(), &package);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].ends_with("README.md is missing"), "{problems:?}");
        assert!(problems[1].ends_with("src/golden/values.npy must not be packed"), "{problems:?}");

        fs::write(package.join("README.md"), "").unwrap();
        fs::remove_file(package.join("src/golden/values.npy")).unwrap();
        fs::write(package.join("LICENSE-MIT"), "another text").unwrap();
        let problems = check(root.path(), &package);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with("differs from LICENSE-MIT of the repository"), "{problems:?}");
    }

    #[test]
    fn the_workspace_takes_the_unpacked_packages_for_each_other() {
        let package =
            |name: &str| Published { name: name.into(), version: "0.1.0-rc.1".into(), folder: PathBuf::new() };
        let packages = [package("radzero-a"), package("radzero-b")];
        let manifest = manifest(&packages, "[workspace]\nmembers = []\n\n[profile.dev]\nopt-level = 1\n");
        assert_eq!(
            manifest,
            "[workspace]\nresolver = \"3\"\nmembers = [\n    \"radzero-a-0.1.0-rc.1\",\n    \"radzero-b-0.1.0-rc.1\",\n]\n\n\
             [patch.crates-io]\nradzero-a = { path = \"radzero-a-0.1.0-rc.1\" }\nradzero-b = { path = \"radzero-b-0.1.0-rc.1\" }\n\n\
             [profile.dev]\nopt-level = 1\n"
        );
    }
}
