//! A DICOM host with its own parsed object: `dicom-host MODEL_DIR FILE SENTENCE`.
//!
//! The host has the object from its own store or network, decides by what it states, and gets with the result what it needs to
//! refer to the image: nothing of that is in the result itself, nor in any message.

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
    if let Some(stated) = radiograph.eligibility()
        && stated.is_chest_radiograph() == Some(false)
    {
        return Err("the file says that it is no chest radiograph".into());
    }

    let found = model.infer(&radiograph, &[sentence])?;
    let record = Comparison::record(&found)?;
    println!("{}", serde_json::to_string(&record)?);
    // What a result object points back with; it stays in DICOM, and `{source:?}` would not show it.
    let source = radiograph.source().ok_or("a DICOM object has a source")?;
    let refers = [&source.study_instance_uid, &source.series_instance_uid, &source.sop_instance_uid];
    println!(
        "refers to its image by {} of 3 UIDs, spacing {:?} mm",
        refers.iter().filter(|uid| uid.is_some()).count(),
        source.pixel_spacing.or(source.imager_pixel_spacing)
    );
    // The map at the size of a thumbnail, without one of full size.
    let thumbnail = found[0].map_at(radiograph.width().div_ceil(4), radiograph.height().div_ceil(4))?;
    let (height, width) = thumbnail.values().dim();
    println!("thumbnail of {width} x {height}, greatest similarity {:.3}", thumbnail.max());
    Ok(())
}
