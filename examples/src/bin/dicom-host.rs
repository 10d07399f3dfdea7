//! `dicom-host MODEL_DIR FILE SENTENCE`: a host that passes its own parsed DICOM object.
//!
//! The host has the object from its own archive or network. It checks from the attributes that this is a chest radiograph, and
//! gets the UIDs it needs to refer to the image separately: they are neither in the result nor in any message.

use std::error::Error;

use dicom_object::open_file;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use radzero_core::{Comparison, RadZero};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, file, sentence] = arguments.as_slice() else {
        return Err("usage: dicom-host MODEL_DIR FILE SENTENCE".into());
    };
    let model = RadZero::open(directory)?;

    let object = open_file(file)?;
    let options =
        ReadOptions { intensity: IntensityPolicy::Reference, source_reference: true, ..ReadOptions::default() };
    let radiograph = options.read_dicom(&object, object.meta().transfer_syntax())?;
    if let Some(eligibility) = radiograph.eligibility()
        && eligibility.is_chest_radiograph() == Some(false)
    {
        return Err("the file says that it is no chest radiograph".into());
    }

    let comparisons = model.infer(&radiograph, &[sentence])?;
    let record = Comparison::record(&comparisons)?;
    println!("{}", serde_json::to_string(&record)?);
    // A DICOM result object refers to its image by these UIDs. They are no text for logs: `{source:?}` hides them.
    let source = radiograph.source().ok_or("a DICOM object has a source")?;
    let uids = [&source.study_instance_uid, &source.series_instance_uid, &source.sop_instance_uid];
    println!(
        "refers to its image by {} of 3 UIDs, spacing {:?} mm",
        uids.iter().filter(|uid| uid.is_some()).count(),
        source.pixel_spacing.or(source.imager_pixel_spacing)
    );
    // Computes the map at a thumbnail's size directly, not at full size first.
    let thumbnail = comparisons[0].map_at(radiograph.width().div_ceil(4), radiograph.height().div_ceil(4))?;
    let (height, width) = thumbnail.values().dim();
    println!("thumbnail of {width} x {height}, greatest similarity {:.3}", thumbnail.max());
    Ok(())
}
