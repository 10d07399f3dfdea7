//! Builds one graph: nodes in order, small constants in the graph file, large ones in its external data file.

use std::collections::BTreeSet;

use half::f16;
use prost::Message as _;
use radzero_format::manifest::{Dimension, Element, Graph, OPERATORS_VERSION, Target, Tensor};
use radzero_format::operators::{DOMAIN, Operator};

use super::functions;
use super::proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, EXTERNAL, GraphProto, IR_VERSION, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use crate::checkpoint::Weights;
use crate::error::ExportError;
use crate::metadata::Metadata;
use crate::progress::Counter;
use crate::write::{Output, OutputFile};

/// Version of the standard operator set: the newest that ONNX Runtime 1.24 implements on the CPU. `Gelu` needs 20 or later.
pub(crate) const OPSET: u32 = 21;

/// Domain of ONNX Runtime's own operators.
pub(super) const CONTRIB: &str = "com.microsoft";

/// Constants of fewer bytes than this stay in the graph file.
const INLINE: usize = 128;

/// A value of the graph, by name.
#[derive(Debug, Clone)]
pub(crate) struct Value(String);

/// Builds a graph file and its external data file.
pub(crate) struct GraphBuilder<'a> {
    weights: &'a Weights,
    data: OutputFile,
    progress: Counter<'a>,
    graph: GraphProto,
    contract: Graph,
    target: Target,
    metadata: &'a Metadata,
    /// The project's own operators that the graph uses.
    functions: BTreeSet<Operator>,
}

impl<'a> GraphBuilder<'a> {
    /// Starts a graph with the given contract in `output`.
    pub(crate) fn begin(
        contract: Graph,
        target: Target,
        metadata: &'a Metadata,
        weights: &'a Weights,
        output: &Output,
        progress: Counter<'a>,
    ) -> Result<Self, ExportError> {
        let data = output.create(&format!("{}.data", contract.file))?;
        let name = contract.file.trim_end_matches(".onnx").to_owned();
        let graph = GraphProto {
            name: Some(name),
            input: contract.inputs.iter().map(of_tensor).collect(),
            output: contract.outputs.iter().map(of_tensor).collect(),
            ..GraphProto::default()
        };
        Ok(Self { weights, data, progress, graph, contract, target, metadata, functions: BTreeSet::new() })
    }

    pub(crate) fn weights(&self) -> &'a Weights {
        self.weights
    }

    /// Which operators the graph may use.
    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// An input of the graph.
    pub(crate) fn input(&self, name: &str) -> Value {
        debug_assert!(self.contract.inputs.iter().any(|input| input.name == name));
        Value(name.to_owned())
    }

    /// A checkpoint tensor, unchanged, as 32-bit floats.
    pub(crate) fn weight(&mut self, name: &str) -> Result<Value, ExportError> {
        let shape = self.weights.shape(name)?.to_vec();
        let bytes = 4 * shape.iter().product::<usize>();
        if bytes < INLINE {
            let values = self.weights.values(name)?;
            return self.constant(name, &shape, &values);
        }
        let offset = self.align(bytes)?;
        let (weights, data, progress) = (self.weights, &mut self.data, &mut self.progress);
        weights.stream(name, |piece| {
            data.append(piece)?;
            progress.add(piece.len() as u64);
            Ok(())
        })?;
        Ok(self.external(name, DataType::Float, &shape, offset, bytes))
    }

    /// A constant of 32-bit floats; `values` are in row-major order.
    pub(crate) fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<Value, ExportError> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.computed(name, DataType::Float, shape, bytes, values.len())
    }

    /// A constant of 16-bit floats, rounded to nearest even.
    pub(crate) fn constant_f16(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<Value, ExportError> {
        let bytes = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        self.computed(name, DataType::Float16, shape, bytes, values.len())
    }

    /// A constant of 8-bit integers.
    pub(crate) fn constant_i8(&mut self, name: &str, shape: &[usize], values: &[i8]) -> Result<Value, ExportError> {
        let bytes = values.iter().map(|value| value.cast_unsigned()).collect();
        self.computed(name, DataType::Int8, shape, bytes, values.len())
    }

    /// A constant of 32-bit integers.
    pub(crate) fn constant_i32(&mut self, name: &str, values: &[i32]) -> Result<Value, ExportError> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.computed(name, DataType::Int32, &[values.len()], bytes, values.len())
    }

    fn computed(
        &mut self,
        name: &str,
        data_type: DataType,
        shape: &[usize],
        bytes: Vec<u8>,
        values: usize,
    ) -> Result<Value, ExportError> {
        debug_assert_eq!(shape.iter().product::<usize>(), values);
        // Progress counts 4 bytes for each value, whatever its type in the graph.
        self.progress.add(4 * values as u64);
        if bytes.len() < INLINE {
            return Ok(self.inline(name, data_type, shape, bytes));
        }
        let offset = self.align(bytes.len())?;
        self.data.append(&bytes)?;
        Ok(self.external(name, data_type, shape, offset, bytes.len()))
    }

    /// A short list of 64-bit integers: a shape, axes or indices.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.inline(name, DataType::Int64, &[values.len()], bytes)
    }

    /// A 64-bit integer scalar.
    pub(crate) fn integer(&mut self, name: &str, value: i64) -> Value {
        self.inline(name, DataType::Int64, &[], value.to_le_bytes().into())
    }

    /// A 32-bit float scalar.
    pub(crate) fn float(&mut self, name: &str, value: f32) -> Value {
        self.inline(name, DataType::Float, &[], value.to_le_bytes().into())
    }

    /// A standard operator with one output, named like the node.
    pub(crate) fn node(&mut self, operator: &str, name: &str, inputs: &[&Value], attributes: Attributes) -> Value {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.push("", operator, name, &inputs, attributes)
    }

    /// One of ONNX Runtime's own operators; `None` omits an optional input. Its output should be [declared](Self::declare).
    pub(crate) fn contrib(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[Option<&Value>],
        attributes: Attributes,
    ) -> Value {
        debug_assert_eq!(self.target, Target::OnnxRuntime, "{operator} is not a standard operator");
        self.push(CONTRIB, operator, name, inputs, attributes)
    }

    /// ONNX Runtime's `SkipLayerNormalization`: the sum of a branch, its bias and the residual, and the layer norm of that sum.
    /// `inputs` are branch, residual, weight and bias of the norm, bias of the branch. Returns norm and sum, to be
    /// [declared](Self::declare).
    pub(crate) fn skip_layer_norm(
        &mut self,
        name: &str,
        inputs: [&Value; 5],
        attributes: Attributes,
    ) -> (Value, Value) {
        let normed = self.contrib("SkipLayerNormalization", name, &inputs.map(Some), attributes);
        let sum = format!("{name}.sum");
        if let Some(node) = self.graph.node.last_mut() {
            // The optional outputs in between, mean and inverse deviation, are omitted.
            node.output.extend([String::new(), String::new(), sum.clone()]);
        }
        (normed, Value(sum))
    }

    /// One of the project's own operators. The model also holds its definition, as a function.
    pub(crate) fn custom(
        &mut self,
        operator: Operator,
        name: &str,
        inputs: &[&Value],
        attributes: Attributes,
    ) -> Value {
        debug_assert_eq!(
            self.target,
            Target::OnnxRuntime,
            "the definition of {operator:?} is not of standard operators"
        );
        self.functions.insert(operator);
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.push(DOMAIN, operator.name(), name, &inputs, attributes)
    }

    /// States the element type of a value that ONNX's shape inference cannot derive, as it has no schemas of ONNX Runtime's
    /// operators. Strict checks need this for functions that contain such an operator: they excuse the missing type only in the
    /// graph that contains the operator itself.
    ///
    /// States no shape, as ONNX Runtime would then fuse more nodes, which changes how results are rounded.
    pub(crate) fn declare(&mut self, value: &Value, data_type: DataType) {
        self.graph.value_info.push(value_info(&value.0, data_type, None));
    }

    fn push(
        &mut self,
        domain: &str,
        operator: &str,
        name: &str,
        inputs: &[Option<&Value>],
        attributes: Attributes,
    ) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| input.map_or(String::new(), |value| value.0.clone())).collect(),
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(operator.to_owned()),
            attribute: attributes.0,
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
        });
        Value(name.to_owned())
    }

    /// Completes both files; `result` becomes the graph's only output.
    pub(crate) fn finish(mut self, result: &Value, output: &mut Output) -> Result<Graph, ExportError> {
        let declared = self.contract.outputs.first().map_or(String::new(), |output| output.name.clone());
        for name in self.graph.node.iter_mut().flat_map(|node| node.output.iter_mut().chain(&mut node.input)) {
            if *name == result.0 {
                name.clone_from(&declared);
            }
        }
        self.progress.finish();
        let mut opset_import = vec![opset("", i64::from(OPSET))];
        if self.target == Target::OnnxRuntime {
            opset_import.push(opset(CONTRIB, 1));
        }
        if !self.functions.is_empty() {
            opset_import.push(opset(DOMAIN, OPERATORS_VERSION.into()));
        }
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some(env!("CARGO_PKG_NAME").into()),
            producer_version: Some(env!("CARGO_PKG_VERSION").into()),
            graph: Some(self.graph),
            opset_import,
            metadata_props: self.metadata.entries().map(|(key, value)| entry(key, value)).collect(),
            functions: self.functions.into_iter().map(functions::definition).collect(),
        };
        output.finish(self.data)?;
        output.write(&self.contract.file, &model.encode_to_vec())?;
        Ok(self.contract)
    }

    /// Pads the data file so that the next tensor can be used where it is mapped: 64 bytes for vector loads, a page for large
    /// tensors. Returns the tensor's offset.
    fn align(&mut self, bytes: usize) -> Result<u64, ExportError> {
        let alignment = if bytes >= 1 << 20 { 4096 } else { 64 };
        let offset = self.data.written().next_multiple_of(alignment);
        let padding = vec![0; (offset - self.data.written()) as usize];
        self.data.append(&padding)?;
        Ok(offset)
    }

    fn inline(&mut self, name: &str, data_type: DataType, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.initializer(TensorProto { raw_data: Some(bytes), ..tensor(name, data_type, shape) })
    }

    fn external(&mut self, name: &str, data_type: DataType, shape: &[usize], offset: u64, bytes: usize) -> Value {
        let external_data = vec![
            entry("location", self.data.name()),
            entry("offset", &offset.to_string()),
            entry("length", &bytes.to_string()),
        ];
        let data_location = Some(EXTERNAL);
        self.initializer(TensorProto { external_data, data_location, ..tensor(name, data_type, shape) })
    }

    fn initializer(&mut self, tensor: TensorProto) -> Value {
        let value = Value(tensor.name.clone().unwrap_or_default());
        self.graph.initializer.push(tensor);
        value
    }
}

pub(super) fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) }
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

/// Attributes of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(pub(super) Vec<AttributeProto>);

impl Attributes {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn integer(mut self, name: &str, value: i64) -> Self {
        self.0.push(AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) });
        self
    }

    pub(crate) fn integers(mut self, name: &str, values: &[i64]) -> Self {
        self.0.push(AttributeProto { ints: values.into(), ..attribute(name, AttributeType::Ints) });
        self
    }

    pub(crate) fn float(mut self, name: &str, value: f32) -> Self {
        self.0.push(AttributeProto { f: Some(value), ..attribute(name, AttributeType::Float) });
        self
    }

    /// `Cast`'s target element type.
    pub(crate) fn to(data_type: DataType) -> Self {
        Self::none().integer("to", data_type as i64)
    }
}

pub(super) fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(kind as i32), ..AttributeProto::default() }
}

fn tensor(name: &str, data_type: DataType, shape: &[usize]) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|extent| *extent as i64).collect(),
        data_type: Some(data_type as i32),
        name: Some(name.to_owned()),
        ..TensorProto::default()
    }
}

fn of_tensor(tensor: &Tensor) -> ValueInfoProto {
    let data_type = match tensor.element {
        Element::U8 => DataType::Uint8,
        Element::I64 => DataType::Int64,
        Element::F16 => DataType::Float16,
        Element::F32 => DataType::Float,
    };
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(extent) => DimensionProto { dim_value: Some(*extent as i64), dim_param: None },
        Dimension::Free(name) => DimensionProto { dim_value: None, dim_param: Some(name.clone()) },
    };
    let shape = TensorShapeProto { dim: tensor.shape.iter().map(dimension).collect() };
    value_info(&tensor.name, data_type, Some(shape))
}

fn value_info(name: &str, data_type: DataType, shape: Option<TensorShapeProto>) -> ValueInfoProto {
    let tensor_type = TensorType { elem_type: Some(data_type as i32), shape };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
