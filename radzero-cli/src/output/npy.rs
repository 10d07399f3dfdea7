//! Similarity maps as NumPy arrays.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};

use ndarray::ArrayView2;
use ndarray_npy::write_zeroed_npy;

/// Writes a float32 array [maps, height, width] map by map, so that only one map is in memory.
pub(crate) struct MapWriter<'a> {
    file: BufWriter<&'a File>,
    height: usize,
    width: usize,
}

impl<'a> MapWriter<'a> {
    /// Starts the array in an empty file.
    pub(crate) fn new(file: &'a File, maps: usize, height: usize, width: usize) -> io::Result<Self> {
        write_zeroed_npy::<f32, _>(file, (maps, height, width)).map_err(io::Error::other)?;
        let data = (maps * height * width * size_of::<f32>()) as u64;
        let header = file.metadata()?.len() - data;
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        writer.seek(SeekFrom::Start(header))?;
        Ok(Self { file: writer, height, width })
    }

    /// Writes the next map.
    pub(crate) fn push(&mut self, map: ArrayView2<'_, f32>) -> io::Result<()> {
        if map.dim() != (self.height, self.width) {
            let message = format!("a map of shape {:?} expected, {:?} found", (self.height, self.width), map.dim());
            return Err(io::Error::other(message));
        }
        // The header declares the native byte order.
        map.iter().try_for_each(|value| self.file.write_all(&value.to_ne_bytes()))
    }

    /// Finishes the array.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, Axis};

    #[test]
    fn maps_read_back_as_one_array() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.npy");
        let maps = Array3::from_shape_fn((2, 3, 5), |(n, y, x)| (n * 100 + y * 10 + x) as f32 / 7.0);
        let file = File::create(&path).unwrap();
        let mut writer = MapWriter::new(&file, 2, 3, 5).unwrap();
        for map in maps.axis_iter(Axis(0)) {
            writer.push(map).unwrap();
        }
        assert!(writer.push(Array2::zeros((5, 3)).view()).is_err());
        writer.finish().unwrap();
        let read: Array3<f32> = ndarray_npy::read_npy(&path).unwrap();
        assert_eq!(read, maps);
        // NumPy reads the magic and the header with type and shape.
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..6], b"\x93NUMPY");
        assert!(String::from_utf8_lossy(&bytes[..128]).contains("'shape': (2, 3, 5)"));
    }
}
