//! The memory layouts of weights, as the kernels read them.

use ndarray::ArrayView2;

/// The layout of a fully connected layer's weights: \[panels, inputs, WIDTH\], where a panel holds [`Panels::WIDTH`] outputs.
///
/// The innermost loop reads a panel sequentially. The last panel is padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panels {
    inputs: usize,
    outputs: usize,
}

impl Panels {
    /// Outputs in a panel: two vectors of 512 bits.
    pub const WIDTH: usize = 32;

    /// The layout for a layer with this number of inputs and outputs.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs }
    }

    /// The shape \[panels, inputs, WIDTH\].
    #[must_use]
    pub fn shape(self) -> [usize; 3] {
        [self.outputs.div_ceil(Self::WIDTH), self.inputs, Self::WIDTH]
    }

    /// Number of values, padding included.
    #[must_use]
    pub fn values(self) -> usize {
        self.shape().iter().product()
    }

    /// Number of inputs of the layer.
    #[must_use]
    pub fn inputs(self) -> usize {
        self.inputs
    }

    /// Number of outputs of the layer.
    #[must_use]
    pub fn outputs(self) -> usize {
        self.outputs
    }

    /// Packs weights \[outputs, inputs\], as PyTorch stores them, into this layout.
    #[must_use]
    pub fn pack(weight: ArrayView2<'_, f32>) -> Vec<f32> {
        let layout = Self::new(weight.ncols(), weight.nrows());
        let mut packed = vec![0.0; layout.values()];
        let panel = layout.inputs * Self::WIDTH;
        for (output, row) in weight.outer_iter().enumerate() {
            let start = output / Self::WIDTH * panel + output % Self::WIDTH;
            for (value, weight) in packed[start..].iter_mut().step_by(Self::WIDTH).zip(row) {
                *value = *weight;
            }
        }
        packed
    }
}

/// The layout of 8-bit weights: \[panels, groups, WIDTH, GROUP\]. Panels are as in [`Panels`], but inputs are interleaved in groups
/// of [`BytePanels::GROUP`], which one instruction multiplies and adds. Padding is zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytePanels {
    inputs: usize,
    outputs: usize,
}

impl BytePanels {
    /// Inputs in a group.
    pub const GROUP: usize = 4;

    /// Greatest number of inputs of a layer: with more, a sum of products could overflow 32 bits.
    pub const MOST: usize = i32::MAX as usize / (255 * 127);

    /// The layout for a layer with this number of inputs and outputs.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs }
    }

    /// The shape \[panels, groups, WIDTH, GROUP\].
    #[must_use]
    pub fn shape(self) -> [usize; 4] {
        [self.outputs.div_ceil(Panels::WIDTH), self.inputs.div_ceil(Self::GROUP), Panels::WIDTH, Self::GROUP]
    }

    /// Number of values, padding included.
    #[must_use]
    pub fn values(self) -> usize {
        self.shape().iter().product()
    }

    /// Number of inputs of the layer.
    #[must_use]
    pub fn inputs(self) -> usize {
        self.inputs
    }

    /// Number of outputs of the layer.
    #[must_use]
    pub fn outputs(self) -> usize {
        self.outputs
    }

    /// Packs weights \[outputs, inputs\] into this layout.
    #[must_use]
    pub fn pack(weight: ArrayView2<'_, i8>) -> Vec<i8> {
        let layout = Self::new(weight.ncols(), weight.nrows());
        let [_, groups, width, group] = layout.shape();
        let mut packed = vec![0; layout.values()];
        for ((output, input), value) in weight.indexed_iter() {
            let (panel, column) = (output / width, output % width);
            packed[((panel * groups + input / group) * width + column) * group + input % group] = *value;
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn every_weight_has_its_place() {
        let weight = Array2::from_shape_fn((37, 5), |(output, input)| (100 * output + input) as f32 + 1.0);
        let packed = Panels::pack(weight.view());
        let [panels, inputs, width] = Panels::new(5, 37).shape();
        assert_eq!([panels, inputs, width], [2, 5, 32]);
        for (index, &value) in packed.iter().enumerate() {
            let (panel, input, column) = (index / (inputs * width), index / width % inputs, index % width);
            let expected = weight.get((panel * width + column, input)).copied().unwrap_or(0.0);
            assert_eq!(value, expected, "panel {panel}, input {input}, column {column}");
        }
    }

    #[test]
    fn every_byte_has_its_place() {
        let weight = Array2::from_shape_fn((37, 6), |(output, input)| (6 * output + input) as i8);
        let packed = BytePanels::pack(weight.view());
        assert_eq!(BytePanels::new(6, 37).shape(), [2, 2, 32, 4]);
        for (index, &value) in packed.iter().enumerate() {
            let (panel, rest) = (index / 256, index % 256);
            let place = (panel * 32 + rest % 128 / 4, rest / 128 * 4 + rest % 4);
            assert_eq!(value, weight.get(place).copied().unwrap_or(0), "{place:?}");
        }
    }
}
