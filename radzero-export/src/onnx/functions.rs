//! Definitions of the project's own operators by other operators, as functions of the model.
//!
//! On processors that `radzero-kernels` supports, `radzero-core` runs its own kernels for these operators. Any other session
//! replaces them by their definitions, and folds the part that only rearranges weights when it opens the model.

use radzero_format::operators::{ATTENTION_LEVELS, DOMAIN, Operator};

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
            nodes.extend(round("q"));
            nodes.extend(round("k"));
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

/// `x` times the weights, plus bias. The weights are first unpacked from \[panels, inputs, width\] to \[inputs, outputs\], without
/// the padding after the last output.
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

/// The same in 8 bits, with weights \[panels, groups, width, group\]. [`radzero_format::operators`] says how `x` is rounded.
fn int8(result: &str) -> Vec<NodeProto> {
    let none = Attributes::none;
    let plain = |operator, inputs: &[&str], output| node("", operator, inputs, output, none());
    let mut nodes = constants(255.0);
    nodes.extend([
        // The range of each row, zero included.
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
        // Its levels, 0 to 255.
        plain("Add", &["level", "zero"], "from_zero"),
        plain("Clip", &["from_zero", "nothing", "levels"], "within"),
        node("", "Cast", &["within"], "bytes", Attributes::to(DataType::Uint8)),
        // The weights as [inputs, outputs], without padding.
        node("", "Transpose", &["weight"], "by_input", none().integers("perm", &[1, 3, 0, 2])),
        node("", "Flatten", &["by_input"], "padded", none().integer("axis", 2)),
        node("", "Shape", &["x"], "inputs", none().integer("start", 1).integer("end", 2)),
        plain("Shape", &["bias"], "outputs"),
        node("", "Concat", &["inputs", "outputs"], "extents", none().integer("axis", 0)),
        integers("first", &[0, 0]),
        plain("Slice", &["padded", "first", "extents"], "columns"),
        // Exact integer products, less the part due to the level of zero; then back to floats.
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

/// Constants for rounding to `levels`.
fn constants(levels: f32) -> Vec<NodeProto> {
    vec![float("nothing", 0.0), float("levels", levels), float("smallest", f32::MIN_POSITIVE), float("one", 1.0)]
}

/// From the `reach` of `values` along an axis: `scale`, the size of a level, and `level`, each value as a number of levels from
/// zero. `name` maps these names to those in the function.
fn scale(values: &str, axis: &str, name: impl Fn(&str) -> String) -> [NodeProto; 9] {
    let plain = |operator, inputs: &[&str], output: &str| node("", operator, inputs, &name(output), Attributes::none());
    [
        // NaN if any value is NaN or infinite; rounding would lose that.
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

/// An attribute that takes the operator's number of heads.
fn heads(name: &str) -> AttributeProto {
    AttributeProto { ref_attr_name: Some(Operator::HEADS.into()), ..attribute(name, AttributeType::Int) }
}

/// The shapes with and without an axis of heads, and constants, for rounding both queries and keys.
fn by_head() -> Vec<NodeProto> {
    let none = Attributes::none;
    let mut nodes = constants(ATTENTION_LEVELS);
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

/// Rounds `value` \[batch, tokens, width\] by token and head.
fn round(value: &str) -> Vec<NodeProto> {
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
