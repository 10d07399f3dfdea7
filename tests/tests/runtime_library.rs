//! The ONNX Runtime library is found, or refused with a reason, and sends no telemetry. Each case runs in a process of its own.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use radzero_tests::models::Exported;

const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The library that this test run uses.
fn library() -> PathBuf {
    let path = PathBuf::from(
        std::env::var_os(VARIABLE).unwrap_or_else(|| panic!("{VARIABLE} is not set: run `cargo xtask setup`")),
    );
    // The variable may be relative to the workspace, but cargo runs tests in the package's folder.
    let path = if path.is_relative() { Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path) } else { path };
    if !path.is_dir() {
        return path.canonicalize().unwrap();
    }
    let mut files = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll"].iter().any(|start| name.starts_with(start))
    };
    files.find(is_library).unwrap_or_else(|| panic!("no library in {}", path.display())).canonicalize().unwrap()
}

fn open(model: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_open-model"));
    command.arg(model);
    command
}

fn text(output: &Output) -> String {
    assert!(output.status.code().is_some(), "killed by a signal: {output:?}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Opens the model with `path` as the library, which must fail; returns the error.
fn refused(model: &Path, path: &Path) -> String {
    let by_variable = text(&open(model).env(VARIABLE, path).output().unwrap());
    let by_argument = text(&open(model).arg(path).output().unwrap());
    assert_eq!(by_variable, by_argument);
    assert!(by_variable.starts_with("Runtime: "), "{by_variable}");
    let needed = by_variable.contains("ONNX Runtime 1.24 or newer is needed");
    assert!(needed || by_variable.contains("ONNX Runtime 1.24 or newer expected"), "{by_variable}");
    by_variable
}

#[test]
fn a_file_or_its_directory_is_found() {
    let exported = Exported::case("native");
    let library = library();
    let directory = exported.scratch().join("library");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(&library, directory.join(library.file_name().unwrap())).unwrap();
    for path in [library.as_path(), &directory] {
        let output = open(&exported.directory()).env(VARIABLE, path).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let opened = text(&output);
        assert!(opened.starts_with("1.") && opened.contains(" CPUExecutionProvider: "), "{opened}");
    }
}

#[test]
fn the_error_for_a_file_that_is_not_a_library_names_it() {
    let exported = Exported::case("native");
    let model = exported.directory();
    let at = |name: &str| exported.scratch().join(name);
    std::fs::write(at("text.so"), "not a library").unwrap();
    std::fs::write(at("empty.so"), "").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    for (name, hint) in [
        ("missing.so", "cannot be found"),
        ("text.so", "(13 bytes) is not a shared library"),
        ("empty.so", "(0 bytes) is not a shared library"),
        ("folder", "there is no "),
    ] {
        let error = refused(&model, &at(name));
        assert!(error.contains(hint) && error.contains(name), "{name}: {error}");
    }
    assert!(refused(&model, &at("missing.so")).contains("1.24 or newer is needed"));
}

/// The loader would map the file, and the process would be killed on access to a missing page.
#[test]
fn a_truncated_library_is_refused() {
    let exported = Exported::case("native");
    let whole = std::fs::read(library()).unwrap();
    for length in [whole.len() / 2, 3000, whole.len() - 4096] {
        let path = exported.scratch().join(format!("truncated-{length}.so"));
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&exported.directory(), &path);
        assert!(error.contains("truncated") || error.contains("damaged"), "{error}");
        assert!(error.contains(&length.to_string()), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_for_another_processor_is_refused() {
    let exported = Exported::case("native");
    let mut bytes = std::fs::read(library()).unwrap();
    // e_machine of an ELF header: 183 is AArch64, 62 x86-64.
    let other: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    bytes[18..20].copy_from_slice(&other.to_le_bytes());
    let path = exported.scratch().join("other.so");
    std::fs::write(&path, bytes).unwrap();
    let error = refused(&exported.directory(), &path);
    assert!(error.contains("another processor") && error.contains(std::env::consts::ARCH), "{error}");
}

/// Compiles a library that claims to be ONNX Runtime `version`, or one that does not.
#[cfg(target_os = "linux")]
fn compile(folder: &Path, version: Option<&str>) -> PathBuf {
    let source = version.map_or_else(String::new, |version| {
        format!(
            "#[repr(C)] pub struct Base {{ api: extern \"C\" fn(u32) -> *const u8, version: extern \"C\" fn() -> *const u8 }}
             extern \"C\" fn api(_: u32) -> *const u8 {{ std::ptr::null() }}
             extern \"C\" fn version() -> *const u8 {{ b\"{version}\\0\".as_ptr() }}
             static BASE: Base = Base {{ api, version }};
             #[unsafe(no_mangle)] pub extern \"C\" fn OrtGetApiBase() -> *const Base {{ &BASE }}"
        )
    });
    let file = folder.join(format!("pretender_{}.rs", version.unwrap_or("none").replace('.', "_")));
    std::fs::write(&file, source).unwrap();
    let path = file.with_extension("so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=cdylib", "-o"])
        .arg(&path)
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    path
}

#[cfg(target_os = "linux")]
#[test]
fn an_old_library_is_refused_with_both_versions() {
    let exported = Exported::case("native");
    let path = compile(exported.scratch(), Some("1.20.1"));
    let error = refused(&exported.directory(), &path);
    assert!(
        error.contains("too old") && error.contains("1.24 or newer expected") && error.contains("1.20.1 found"),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn another_library_is_refused() {
    let exported = Exported::case("native");
    let error = refused(&exported.directory(), &compile(exported.scratch(), None));
    assert!(error.contains("not ONNX Runtime"), "{error}");
}

#[test]
fn without_any_library_the_error_names_the_places_searched() {
    let exported = Exported::case("native");
    // A copy of the program in another folder, so that there is no library beside it.
    let program = exported.scratch().join("open-model");
    std::fs::copy(env!("CARGO_BIN_EXE_open-model"), &program).unwrap();
    let output = Command::new(&program).arg(exported.directory()).env_remove(VARIABLE).output().unwrap();
    let error = text(&output);
    assert!(error.starts_with("Runtime: no ONNX Runtime library") && error.contains(VARIABLE), "{error}");
    assert!(error.contains("ONNX Runtime 1.24 or newer is needed"), "{error}");
    assert!(error.contains(&*exported.scratch().to_string_lossy()), "{error}");
}

/// ONNX Runtime's telemetry uploader writes to the home folder as soon as an environment exists. radzero never lets it start,
/// whatever the caller sets.
#[test]
fn nothing_is_written_under_the_home_folder() {
    let exported = Exported::case("native");
    for (name, setting) in [("unset", None), ("zero", Some("0")), ("empty", Some("")), ("no", Some("false"))] {
        let home = exported.scratch().join(format!("home-{name}"));
        std::fs::create_dir(&home).unwrap();
        let mut command = open(&exported.directory());
        command.env(VARIABLE, library()).env("HOME", &home).env("USERPROFILE", &home);
        // `CI` turns the uploader off too, and would hide a failure.
        for variable in ["CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env_remove(variable);
        }
        if let Some(setting) = setting {
            command.env("ORT_DISABLE_TELEMETRY", setting);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let written: Vec<_> = std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(written.is_empty(), "{name}: {written:?}");
    }
}
