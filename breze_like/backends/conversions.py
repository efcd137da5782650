"""PyTensor's linker for JAX with some additional conversions; PyTensor's own are unchanged for other code."""

import operator
import warnings
from copy import copy
from functools import reduce, singledispatch

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.fg import AbstractFunctionGraph, FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify, jax_typify
from pytensor.link.jax.linker import JAXLinker
from pytensor.link.utils import fgraph_to_python
from pytensor.scalar import Add, Mul, ScalarOp
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Join, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, Elemwise
from pytensor.tensor.shape import Shape

# What shapes and indices are made by.
OF_SHAPES = CAReduce | Elemwise | Join | MakeVector | ScalarFromTensor | ScalarOp | TensorFromScalar


class Linker(JAXLinker):
    """Knows shapes while it traces, so that the number of steps may differ from call to call."""

    def fgraph_convert(self, fgraph, **others):
        return convert(fgraph, **others)

    def jit_compile(self, fn):
        def traced(*arrays):  # runs once for each combination of shapes
            with warnings.catch_warnings():
                # In single precision JAX has no 64-bit shapes and accumulators, and says so for each.
                warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
                return fn(*arrays)

        return super().jit_compile(traced)


@singledispatch
def convert(op, **others):
    """The JAX function of an op, or of a graph."""
    return jax_funcify(op, **others)


def convert_node(op, node=None, **others):
    """The JAX function of a node's op; if it may have to do with shapes, NumPy computes what is known.

    Shapes and indices must be numbers while JAX traces, and JAX would compile each operation with them.
    """
    compute = convert(op, node=node, **others)
    if not isinstance(op, OF_SHAPES):
        return compute

    def compute_or_know(*inputs):
        if not all(isinstance(value, np.ndarray | np.generic | int | float) for value in inputs):
            return compute(*inputs)
        outputs = [[None] for _ in node.outputs]
        op.perform(node, [np.asarray(value) for value in inputs], outputs)
        return outputs[0][0] if len(outputs) == 1 else [output for (output,) in outputs]

    return compute_or_know


def typify(data, dtype=None, **others):
    """A constant: NumPy's if it is a number, as nearly all are, or made of integers, which make shapes."""
    is_known = isinstance(data, np.ndarray) and (data.size == 1 or data.dtype.kind in "bui")
    return np.asarray(data, dtype) if is_known else jax_typify(data, dtype=dtype, **others)


@convert.register(AbstractFunctionGraph)
def _graph(fgraph, node=None, fgraph_name="graph", **others):
    return fgraph_to_python(
        fgraph, convert_node, type_conversion_fn=typify, fgraph_name=fgraph_name, **others
    )


class InnerGraph(FunctionGraph):
    """The graph inside an op, of a class that PyTensor's conversion of that op has converted here."""


jax_funcify.register(InnerGraph)(_graph)


@convert.register(Scan)
@convert.register(OpFromGraph)
def _with_graph(op, **others):
    # Since PyTensor 3.3, such graphs can't be changed, and are not cloned either.
    inner = op.fgraph.unfreeze() if hasattr(op.fgraph, "unfreeze") else op.fgraph
    converted = copy(op)
    converted.fgraph = InnerGraph(inner.inputs, inner.outputs, clone=True)
    return jax_funcify(converted, **others)


@convert.register(Shape)
def _shape(op, **_):
    return lambda x: np.array(np.shape(x))


@convert.register(Elemwise)
def _elementwise(op, node, **others):
    compute = convert(op.scalar_op, node=node, **others)

    def checked(*arrays):
        shaped = tuple(a if hasattr(a, "shape") else np.asarray(a) for a in arrays)
        Elemwise._check_runtime_broadcast(node, shaped)
        return compute(*arrays)

    return checked


# a b c is computed as (a b) c: PyTensor stacks the three and reduces, which XLA is slow to compile.


@convert.register(Add)
def _sum(op, **_):
    return lambda *arrays: reduce(operator.add, arrays)


@convert.register(Mul)
def _product(op, **_):
    return lambda *arrays: reduce(operator.mul, arrays)
