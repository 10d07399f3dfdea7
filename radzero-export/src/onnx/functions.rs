//! What the project's own operators are, in terms of others.
//!
//! A model holds these definitions. `radzero-core` brings kernels for the operators on processors where that pays; any other
//! session puts the definition in an operator's place, and folds what it does to weights into them when it is opened.

use radzero_core::operators::{DOMAIN, Operator};

use super::builder::{Attributes, CONTRIB, OPSET, attribute, opset};
use super::proto::{AttributeProto, AttributeType, FunctionProto, NodeProto};

/// The definition of an operator.
pub(super) fn definition(operator: Operator) -> FunctionProto {
    let (inputs, attributes, node) = match operator {
        Operator::Linear => (&["x", "weight", "bias"][..], &[][..], linear("y", Vec::new())),
        Operator::LinearGelu => {
            let end = node("", "Gelu", &["sum"], "y", Attributes::none());
            (&["x", "weight", "bias"][..], &[][..], linear("sum", vec![end]))
        }
        Operator::LinearAdd => {
            let end = node("", "Add", &["residual", "sum"], "y", Attributes::none());
            (&["x", "weight", "bias", "residual"][..], &[][..], linear("sum", vec![end]))
        }
        Operator::Attention => {
            let heads = AttributeProto {
                ref_attr_name: Some(Operator::HEADS.into()),
                ..attribute("num_heads", AttributeType::Int)
            };
            let inputs = &["q", "k", "v"][..];
            let attention = node(CONTRIB, "MultiHeadAttention", inputs, "y", Attributes(vec![heads]));
            (inputs, &[Operator::HEADS][..], vec![attention])
        }
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    FunctionProto {
        name: Some(operator.name().into()),
        domain: Some(DOMAIN.into()),
        input: owned(inputs),
        output: owned(&["y"]),
        attribute: owned(attributes),
        node,
        opset_import: vec![opset("", i64::from(OPSET)), opset(CONTRIB, 1)],
    }
}

/// `x` times the weights \[panels, inputs, width\], plus bias; the weights are put back into \[inputs, outputs\] first, the
/// zeros behind the last output cut off.
fn linear(result: &str, end: Vec<NodeProto>) -> Vec<NodeProto> {
    let none = Attributes::none;
    let mut nodes = vec![
        node("", "Transpose", &["weight"], "by_input", none().integers("perm", &[1, 0, 2])),
        node("", "Constant", &[], "shape", none().integers("value_ints", &[0, -1])),
        node("", "Reshape", &["by_input", "shape"], "padded", none()),
        node("", "Constant", &[], "first", none().integers("value_ints", &[0])),
        node("", "Shape", &["bias"], "outputs", none()),
        node("", "Constant", &[], "axis", none().integers("value_ints", &[1])),
        node("", "Slice", &["padded", "first", "outputs", "axis"], "columns", none()),
        node("", "Gemm", &["x", "columns", "bias"], result, none()),
    ];
    nodes.extend(end);
    nodes
}

fn node(domain: &str, operator: &str, inputs: &[&str], output: &str, attributes: Attributes) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(operator.to_owned()),
        attribute: attributes.0,
        domain: (!domain.is_empty()).then(|| domain.to_owned()),
    }
}
