//! Writes ONNX: the protobuf messages, and a builder of graphs with external data.

mod builder;
mod functions;
mod proto;

pub(crate) use self::builder::{Attributes, GraphBuilder, OPSET, Value};
pub(crate) use self::proto::DataType;
