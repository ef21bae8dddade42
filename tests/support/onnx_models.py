"""Small models of ONNX, written in few lines, and what onnx's own evaluator makes of them."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import graphdiff as gd

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def model(nodes, inputs, outputs, arrays=(), opset=21, functions=(), **more):
    """A ModelProto: inputs and outputs are name -> (type, sizes), arrays name -> array."""
    graph = helper.make_graph(
        [helper.make_node(*args, **kwargs) for args, kwargs in nodes],
        "g",
        [helper.make_tensor_value_info(n, *spec) for n, spec in inputs.items()],
        [helper.make_tensor_value_info(n, *spec) for n, spec in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in dict(arrays).items()],
    )
    domains = {f.domain: 1 for f in functions} | more.pop("domains", {})
    imports = [helper.make_opsetid(d, v) for d, v in ({"": opset} | domains).items()]
    return helper.make_model(graph, opset_imports=imports, functions=functions, **more)


def node(op, inputs, outputs, **attrs):
    return (op, inputs.split(), outputs.split()), attrs


def compiled(m):
    return gd.compile(list(m.inputs.values()), m.outputs)


def expected(proto, **feeds):
    return ReferenceEvaluator(proto).run(None, feeds)
