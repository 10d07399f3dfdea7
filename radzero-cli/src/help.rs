//! The footers of the help. Paragraphs are single lines, which clap wraps at the width of the terminal; lines of tables have at
//! most 80 columns, so that they keep their layout.

/// Joins the parts of a footer.
pub(crate) fn footer(parts: &[&str]) -> String {
    parts.join("\n\n")
}

/// The notice under every command.
pub(crate) const NOTICE: &str = "Research use only. Values are similarities between a sentence and an image, never a chance \
    of disease, and have no universal cut-off.";

/// Exit status of the program.
pub(crate) const STATUS: &str = "\
Exit status:
  0    everything was done
  1    some images or checks failed, each reported; the rest was done
  2    nothing was done: wrong usage, prompt, model, device or directory
  130  interrupted; files written so far are complete

See 'radzero help COMMAND' for the options and the exit status of a command.";

/// Exit status of the commands that run a model over images.
pub(crate) const STATUS_IMAGES: &str = "\
Exit status:
  0    every image was processed
  1    some images failed, each reported on standard error with its path; or
       standard output was closed before the last image (a command that writes
       files continues and writes them all)
  2    nothing was done: wrong usage, prompt, model, device or output directory
  130  interrupted; files written so far are complete";

/// Exit status of `inspect`.
pub(crate) const STATUS_INSPECT: &str = "\
Exit status:
  0    every file was read
  1    some files failed, each reported on standard error with its path; or
       standard output was closed before the last file (with --out, the command
       continues and writes every picture)
  2    nothing was done: wrong usage, model or output directory
  130  interrupted; files written so far are complete";

/// Exit status of `export`.
pub(crate) const STATUS_EXPORT: &str = "\
Exit status:
  0    the model directory was written
  2    it was not: wrong usage or checkpoint, or the directory exists already
  130  interrupted; nothing is left behind";

/// Exit status of `verify`.
pub(crate) const STATUS_VERIFY: &str = "\
Exit status:
  0    the model is good
  1    a check failed, or standard output was closed before the last check
  2    the checks could not run: wrong usage, device or ONNX Runtime
  130  interrupted";

/// Exit status of `bench`.
pub(crate) const STATUS_BENCH: &str = "\
Exit status:
  0    every stage was measured
  2    nothing was measured: wrong usage, model or device
  130  interrupted";

/// Exit status of `doctor`.
pub(crate) const STATUS_DOCTOR: &str = "\
Exit status:
  0    the CPU works
  1    the CPU does not work, or standard output was closed early
  2    no ONNX Runtime was found, or it cannot be used
  130  interrupted";

/// What the tasks of `eval` write and read.
pub(crate) const EVAL_FILES: &str = "\
Files in the output directory, each written completely or not at all:
  journal.jsonl  one line per image, written when the image is done
  result.json    measures with 95 % intervals, and what they depend on: model
                 hash, provider, precision, intensity policy, versions
  result.md      the same as tables, next to the published numbers
  report.html    the same with curves, and with the best and worst cases: maps
                 and ground truth from cases/

To continue after an interruption, run the same command again.

Published data sets: --data is the folder with the published label files (OpenI/, PadChest/ and others, as in data/ of \
Deepnoid/RadZero on Hugging Face). Plain: --data is a CSV file with the columns image and label, and for a region left, \
top, right and bottom (a bounding box), or mask. docs/evaluation.md describes the data sets and the format.";

/// Exit status of the tasks of `eval`.
pub(crate) const STATUS_EVAL: &str = "\
Exit status:
  0    every image was scored
  1    some images, or pictures of cases, failed, each reported on standard
       error; the rest was done
  2    nothing was done: wrong usage, model or device, missing files, or a
       journal that belongs to another run
  130  interrupted; the journal holds the images done so far";

/// Exit status of `eval compare`.
pub(crate) const STATUS_COMPARE: &str = "\
Exit status:
  0    the comparison was printed
  2    nothing was printed: wrong usage, or results that cannot be compared";

/// The fields of `infer --json`.
pub(crate) const JSON_INFER: &str = "\
With --json, standard output has one line per processed image, in the order given, written when the image is done. Its \
fields (JSON Schema: docs/result.schema.json):

  image, width, height  path as given; size in pixels
  record                version of this format: 1
  model                 name, hash (SHA-256 of radzero.json, which holds the
                        hash of every file), precision, target, geometry,
                        resample
  provider              execution provider that runs the image graph, as
                        reported by the session
  results               one per prompt, in the order given: prompt,
                        probability, logit, map_min, map_max, point [x, y]
                        (position of the map's maximum in pixels of the image)
  maps                  path of the array, with --save-maps only
  provenance            reading: origin, transfer_syntax, frame, policy,
                          intensity, warnings, orientation_applied
                        image_encoder, text_encoder: device, provider, nodes
                          (by provider), kernels (instruction set of radzero's
                          own, or null), onnxruntime, radzero
                        tokens, embeddings: f32, or f16 if stored so
                        radzero: version that made the comparison

A failed image has no line there, but a JSON object on standard error: image, kind, error. docs/embedding.md lists the \
kinds. Errors that stop the command are plain text on standard error.";

/// The fields of `inspect --json`.
pub(crate) const JSON_INSPECT: &str = "\
With --json, standard output has one line per file, in the order given. Its fields:

  image, width, height    path as given; size in pixels
  origin                  png, jpeg or dicom
  transfer_syntax, frame  of a DICOM file: UID; index (from 0) and count
  policy, intensity       the policy chosen, and the rule that was applied
  gray                    whether the image is gray
  level_min, level_max    its smallest and greatest 8-bit level
  warnings                what was worked around, assumed or not applied
  eligibility             of a DICOM file: kind, modality, body_part, view,
                          intent; not-stated if the file has no value, unknown
                          if the value is not a known term
  chest_radiograph        true or false, or null if the file does not tell
  picture                 path of the picture, with --out only
  identifiers             with --phi only: patient, study and image
  radzero                 version of this program

A failed file has no line there, but a JSON object on standard error: image, kind, error. docs/embedding.md lists the kinds.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_into_80_columns() {
        let all = [
            STATUS,
            STATUS_IMAGES,
            STATUS_INSPECT,
            STATUS_EXPORT,
            STATUS_VERIFY,
            STATUS_BENCH,
            STATUS_DOCTOR,
            EVAL_FILES,
            STATUS_EVAL,
            STATUS_COMPARE,
            JSON_INFER,
            JSON_INSPECT,
        ];
        for line in all.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
