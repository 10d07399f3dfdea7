//! What the project's own operators are, in terms of others.
//!
//! A model holds these definitions. `radzero-core` brings kernels for the operators on processors where that pays; any other
//! session puts the definition in an operator's place, and folds what it does to weights into them when it is opened.

use radzero_core::operators::{Attention, DOMAIN, Operator};

use super::builder::{Attributes, CONTRIB, OPSET, attribute, opset};
use super::proto::{AttributeProto, AttributeType, DataType, FunctionProto, NodeProto};

/// The definition of an operator.
pub(super) fn definition(operator: Operator) -> FunctionProto {
    let layer: &[&str] =
        if operator.is_int8() { &["x", "weight", "scales", "sums", "bias"] } else { &["x", "weight", "bias"] };
    let product = |result| if operator.is_int8() { int8(result) } else { linear(result) };
    let (inputs, nodes) = match operator {
        Operator::Linear | Operator::LinearInt8 => (layer.to_vec(), product("y")),
        Operator::LinearGelu | Operator::LinearInt8Gelu => {
            let mut nodes = product("sum");
            nodes.push(node("", "Gelu", &["sum"], "y", Attributes::none()));
            (layer.to_vec(), nodes)
        }
        Operator::LinearAdd | Operator::LinearInt8Add => {
            let mut nodes = product("sum");
            nodes.push(node("", "Add", &["residual", "sum"], "y", Attributes::none()));
            ([layer, &["residual"]].concat(), nodes)
        }
        Operator::Attention => (vec!["q", "k", "v"], vec![attention(&["q", "k", "v"])]),
        Operator::AttentionInt16 => {
            let mut nodes = by_head();
            nodes.extend(levels("q"));
            nodes.extend(levels("k"));
            nodes.push(attention(&["q_rounded", "k_rounded", "v"]));
            (vec!["q", "k", "v"], nodes)
        }
    };
    let attributes: &[&str] = if operator.is_attention() { &[Operator::HEADS] } else { &[] };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    FunctionProto {
        name: Some(operator.name().into()),
        domain: Some(DOMAIN.into()),
        input: owned(&inputs),
        output: owned(&["y"]),
        attribute: owned(attributes),
        node: nodes,
        opset_import: vec![opset("", i64::from(OPSET)), opset(CONTRIB, 1)],
    }
}

/// `x` times the weights \[panels, inputs, width\], plus bias; the weights are put back into \[inputs, outputs\] first, the
/// zeros behind the last output cut off.
fn linear(result: &str) -> Vec<NodeProto> {
    let none = Attributes::none;
    vec![
        node("", "Transpose", &["weight"], "by_input", none().integers("perm", &[1, 0, 2])),
        integers("shape", &[0, -1]),
        node("", "Reshape", &["by_input", "shape"], "padded", none()),
        integers("first", &[0]),
        node("", "Shape", &["bias"], "outputs", none()),
        integers("axis", &[1]),
        node("", "Slice", &["padded", "first", "outputs", "axis"], "columns", none()),
        node("", "Gemm", &["x", "columns", "bias"], result, none()),
    ]
}

/// The same with weights of 8 bits, \[panels, groups, width, group\]; see [`radzero_core::operators`] for what happens to `x`.
fn int8(result: &str) -> Vec<NodeProto> {
    let none = Attributes::none;
    let plain = |operator, inputs: &[&str], output| node("", operator, inputs, output, none());
    let mut nodes = constants(255.0);
    nodes.extend([
        // The reach of each row.
        integers("axis", &[1]),
        plain("ReduceMin", &["x", "axis"], "row_least"),
        plain("Min", &["row_least", "nothing"], "least"),
        plain("ReduceMax", &["x", "axis"], "row_most"),
        plain("Max", &["row_most", "nothing"], "most"),
        plain("Sub", &["most", "least"], "reach"),
    ]);
    nodes.extend(scale("x", "axis", str::to_owned));
    nodes.extend([
        plain("Neg", &["least"], "below"),
        plain("Div", &["below", "scale"], "exact_zero"),
        plain("Round", &["exact_zero"], "zero"),
        // Its levels.
        plain("Add", &["level", "zero"], "from_zero"),
        plain("Clip", &["from_zero", "nothing", "levels"], "within"),
        node("", "Cast", &["within"], "bytes", Attributes::to(DataType::Uint8)),
        // The weights as [inputs, outputs], what fills them up cut off.
        node("", "Transpose", &["weight"], "by_input", none().integers("perm", &[1, 3, 0, 2])),
        node("", "Flatten", &["by_input"], "padded", none().integer("axis", 2)),
        node("", "Shape", &["x"], "inputs", none().integer("start", 1).integer("end", 2)),
        plain("Shape", &["bias"], "outputs"),
        node("", "Concat", &["inputs", "outputs"], "extents", none().integer("axis", 0)),
        integers("first", &[0, 0]),
        plain("Slice", &["padded", "first", "extents"], "columns"),
        // Sums of products without what the level of zero adds to them, which is exact, and back to floats.
        plain("MatMulInteger", &["bytes", "columns"], "products"),
        node("", "Cast", &["zero"], "whole_zero", Attributes::to(DataType::Int32)),
        plain("Mul", &["whole_zero", "sums"], "added"),
        plain("Sub", &["products", "added"], "exact"),
        node("", "Cast", &["exact"], "value", Attributes::to(DataType::Float)),
        plain("Mul", &["value", "scales"], "by_output"),
        plain("Mul", &["by_output", "scale"], "by_row"),
        plain("Add", &["by_row", "bias"], result),
    ]);
    nodes
}

/// What all rounding to so many levels shares.
fn constants(levels: f32) -> Vec<NodeProto> {
    vec![float("nothing", 0.0), float("levels", levels), float("smallest", f32::MIN_POSITIVE), float("one", 1.0)]
}

/// From the `reach` of `values` along an axis to their `scale`, what a level stands for, and the `level` of each, from that of zero on;
/// `name` says how all these are called.
fn scale(values: &str, axis: &str, name: impl Fn(&str) -> String) -> [NodeProto; 9] {
    let plain = |operator, inputs: &[&str], output: &str| node("", operator, inputs, &name(output), Attributes::none());
    [
        // Not a number where a value is not, which rounding would lose.
        plain("Mul", &[values, "nothing"], "nothings"),
        plain("ReduceSum", &[&name("nothings"), axis], "check"),
        plain("Add", &[&name("reach"), &name("check")], "checked"),
        plain("Div", &[&name("checked"), "levels"], "step"),
        plain("Less", &[&name("step"), "smallest"], "tiny"),
        plain("Where", &[&name("tiny"), "one", &name("step")], "scale"),
        plain("Div", &["one", &name("scale")], "inverse"),
        plain("Mul", &[values, &name("inverse")], "steps"),
        plain("Round", &[&name("steps")], "level"),
    ]
}

fn attention(inputs: &[&str]) -> NodeProto {
    node(CONTRIB, "MultiHeadAttention", inputs, "y", Attributes(vec![heads("num_heads")]))
}

/// An attribute whose value is the operator's number of heads.
fn heads(name: &str) -> AttributeProto {
    AttributeProto { ref_attr_name: Some(Operator::HEADS.into()), ..attribute(name, AttributeType::Int) }
}

/// What the rounding of queries and that of keys share.
fn by_head() -> Vec<NodeProto> {
    let none = Attributes::none;
    let mut nodes = constants(Attention::LEVELS);
    nodes.extend([
        node("", "Constant", &[], "heads", Attributes(vec![heads("value_int")])),
        integers("one_axis", &[1]),
        node("", "Reshape", &["heads", "one_axis"], "axis_of_heads", none()),
        integers("as_before", &[0, 0]),
        integers("rest", &[-1]),
        node("", "Concat", &["as_before", "axis_of_heads", "rest"], "split", none().integer("axis", 0)),
        integers("joined", &[0, 0, -1]),
    ]);
    nodes
}

/// `value` \[batch, tokens, width\] rounded by token and head.
fn levels(value: &str) -> Vec<NodeProto> {
    let name = |part: &str| format!("{value}_{part}");
    let plain = |operator, inputs: &[&str], output: &str| node("", operator, inputs, &name(output), Attributes::none());
    let mut nodes = vec![
        plain("Reshape", &[value, "split"], "heads"),
        plain("Abs", &[&name("heads")], "size"),
        plain("ReduceMax", &[&name("size"), "rest"], "reach"),
    ];
    nodes.extend(scale(&name("heads"), "rest", name));
    nodes.extend([
        plain("Mul", &[&name("level"), &name("scale")], "nearest"),
        plain("Reshape", &[&name("nearest"), "joined"], "rounded"),
    ]);
    nodes
}

fn integers(name: &str, values: &[i64]) -> NodeProto {
    node("", "Constant", &[], name, Attributes::none().integers("value_ints", values))
}

fn float(name: &str, value: f32) -> NodeProto {
    node("", "Constant", &[], name, Attributes::none().float("value_float", value))
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
