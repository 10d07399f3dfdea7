//! Names of output files, and writing them completely or not at all.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::slug::{slug, stem};
use crate::console::shown;
use crate::error::Failure;
use crate::interrupt;

/// The output files of a job.
#[derive(Debug)]
pub(crate) struct OutputFiles {
    directory: PathBuf,
    /// For each file of an image, what follows the stem, and the number (from 1) of its prompt, if it belongs to one.
    endings: Vec<(String, Option<usize>)>,
}

impl OutputFiles {
    /// One file per image, `directory/STEM` + `ending`.
    pub(crate) fn per_image(directory: &Path, ending: &str) -> Self {
        Self { directory: directory.to_owned(), endings: vec![(ending.to_owned(), None)] }
    }

    /// One file per image and prompt, `directory/STEM_SLUG` + `extension`.
    pub(crate) fn per_prompt(directory: &Path, prompts: &[String], extension: &str) -> Self {
        let ending = |(number, prompt): (usize, &String)| (format!("_{}{extension}", slug(prompt)), Some(number));
        Self { directory: directory.to_owned(), endings: (1..).zip(prompts).map(ending).collect() }
    }

    /// The directory that the files are written to.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Paths of the files of an image; with one file per prompt, in the order of the prompts.
    pub(crate) fn paths(&self, image: &Path) -> Result<Vec<PathBuf>, Failure> {
        let stem = stem(image).ok_or_else(|| Failure::NoFileName(image.to_owned()))?;
        let path = |(ending, _): &(String, _)| {
            let mut name = OsString::from(&stem);
            name.push(ending);
            self.directory.join(name)
        };
        Ok(self.endings.iter().map(path).collect())
    }

    /// Checks that no two files have the same name, and that none would overwrite an image of the job.
    ///
    /// Other existing files are overwritten, so that a job can be run again.
    pub(crate) fn check(&self, images: &[PathBuf]) -> Result<(), Failure> {
        let mut writers: HashMap<OsString, String> = HashMap::new();
        for image in images {
            for (path, (_, prompt)) in self.paths(image)?.into_iter().zip(&self.endings) {
                let writer = match prompt {
                    Some(number) => format!("{} with prompt {number}", shown(image)),
                    None => shown(image),
                };
                if let Some(first) = writers.insert(key(&path), writer.clone()) {
                    return Err(Failure::Collision { first, second: writer, path });
                }
            }
        }
        // Only an existing file can be an image of the job.
        let mut replaced = HashMap::new();
        for image in images {
            for output in self.paths(image)? {
                if let Ok(found) = fs::canonicalize(&output) {
                    replaced.insert(found, output);
                }
            }
        }
        for image in images {
            // A missing image is reported when the loop reaches it.
            let Ok(found) = fs::canonicalize(image) else { continue };
            if let Some(output) = replaced.remove(&found) {
                return Err(Failure::Overwrite { output, image: image.clone() });
            }
        }
        Ok(())
    }

    /// Creates the directory, unless it exists.
    pub(crate) fn create_directory(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.directory)
            .map_err(|source| Failure::CreateDirectory { path: self.directory.clone(), source })
    }
}

/// A key that is equal for paths that may name the same file.
fn key(path: &Path) -> OsString {
    let ignores_case = cfg!(any(windows, target_os = "macos"));
    if ignores_case { path.as_os_str().to_string_lossy().to_lowercase().into() } else { path.into() }
}

/// Writes the file at `path` with `fill`, completely or not at all: under a temporary name in the same directory, then renamed.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&File) -> io::Result<()>) -> Result<(), Failure> {
    let failure = |source| Failure::Write { path: path.to_owned(), source };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".radzero-").suffix(".part");
    #[cfg(unix)]
    {
        // Permissions by the umask, like any other new file; the default of `tempfile` is the owner only.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));

    let mut unfinished = interrupt::unfinished();
    let temporary = builder.tempfile_in(directory).map_err(failure)?;
    *unfinished = Some(temporary.path().to_owned());
    drop(unfinished);

    let filled = fill(temporary.as_file()).and_then(|()| temporary.as_file().sync_all());
    let mut unfinished = interrupt::unfinished();
    let written = match filled {
        Ok(()) => temporary.persist(path).map(drop).map_err(|error| error.error),
        Err(error) => {
            drop(temporary);
            Err(error)
        }
    };
    *unfinished = None;
    written.map_err(failure)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn collision(files: &OutputFiles, images: &[&str]) -> String {
        let images: Vec<PathBuf> = images.iter().map(PathBuf::from).collect();
        files.check(&images).unwrap_err().to_string()
    }

    #[test]
    fn images_of_one_stem_are_refused_by_both_names() {
        let files = OutputFiles::per_image(Path::new("maps"), ".npy");
        let message = collision(&files, &["a/x.png", "b/y.png", "b/x.jpg"]);
        for part in ["a/x.png", "b/x.jpg", "x.npy"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("y.png"), "{message}");
        assert!(collision(&files, &["a.png", "a.png"]).contains("a.png and a.png"));
        files.check(&["a/x.png".into(), "a/y.png".into(), "a/1.2.3".into(), "a/1.2.4".into()]).unwrap();
    }

    #[test]
    fn prompts_of_one_slug_are_refused_by_both_numbers() {
        let prompts = ["There is edema", "There is fibrosis", "there is Edema!"].map(str::to_owned);
        let files = OutputFiles::per_prompt(Path::new("masks"), &prompts, ".png");
        let message = collision(&files, &["x.png"]);
        for part in ["x.png with prompt 1 ", "x.png with prompt 3 ", "x_there-is-edema.png"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_an_image_of_the_job_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("x.npy");
        fs::write(&image, b"an image by another name").unwrap();
        let files = OutputFiles::per_image(directory.path(), ".npy");
        let message = files.check(&[image]).unwrap_err().to_string();
        assert!(message.contains("would overwrite"), "{message}");
    }

    #[test]
    fn paths_without_a_file_name_are_refused() {
        assert!(collision(&OutputFiles::per_image(Path::new("o"), ".npy"), &["a/.."]).contains("names no file"));
    }

    #[test]
    fn files_appear_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let failed = write_whole(&path, |mut file| {
            file.write_all(b"half")?;
            Err(io::Error::other("enough"))
        });
        assert!(failed.unwrap_err().message().contains("enough"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);

        write_whole(&path, |mut file| file.write_all(b"whole")).unwrap();
        write_whole(&path, |mut file| file.write_all(b"again")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let plain = directory.path().join("plain");
            fs::write(&plain, b"").unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&plain));
        }
    }
}
