"""Checks ONNX graphs: python check_model.py GRAPH.onnx...

Each must pass ONNX's checker with strict shape inference, and inference must find the element type of every value.
"""

import sys

import onnx
from onnx import TensorProto, checker, shape_inference


def check(path):
    # By path, as the weights are in another file.
    checker.check_model(path, full_check=True)
    # With the weights, as propagation of data reads some.
    model = onnx.load(path)
    graph = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    types = {value.name: value.type.tensor_type for value in [*graph.value_info, *graph.output]}
    values = [name for node in graph.node for name in node.output if name]
    unknown = [name for name in values if name not in types or types[name].elem_type == TensorProto.UNDEFINED]
    if unknown:
        raise SystemExit(f"{path}: no type of {', '.join(unknown)}")
    return len(values)


for path in sys.argv[1:]:
    try:
        print(f"{path}: {check(path)} values")
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise SystemExit(f"{path}: {error}") from error
