"""PyTensor's linker for JAX with some additional conversions; PyTensor's own are unchanged for other code."""

import operator
import warnings
from copy import copy
from functools import reduce, singledispatch

import jax
import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.fg import AbstractFunctionGraph, FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify, jax_typify
from pytensor.link.jax.linker import JAXLinker
from pytensor.link.utils import fgraph_to_python
from pytensor.scalar import Add, Cast, Mul
from pytensor.scan.op import Scan
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.shape import Shape


class Linker(JAXLinker):
    """Computes shapes while tracing, so that the number of steps may differ from call to call."""

    def fgraph_convert(self, fgraph, **others):
        return convert(fgraph, **others)

    def jit_compile(self, fn):
        def traced(*arrays):  # runs once for each combination of shapes
            with jax.ensure_compile_time_eval(), warnings.catch_warnings():
                # In single precision JAX has no 64-bit shapes and accumulators, and says so for each.
                warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
                return fn(*arrays)

        return super().jit_compile(traced)


@singledispatch
def convert(op, **others):
    """The JAX function of an op, or of a graph."""
    return jax_funcify(op, **others)


def typify(data, dtype=None, **others):
    """A constant: NumPy's if it is a number, as nearly all are. Together with shapes they make shapes."""
    is_number = isinstance(data, np.ndarray) and data.ndim > 0 and data.size == 1
    return np.asarray(data, dtype) if is_number else jax_typify(data, dtype=dtype, **others)


@convert.register(AbstractFunctionGraph)
def _graph(fgraph, node=None, fgraph_name="graph", **others):
    return fgraph_to_python(fgraph, convert, type_conversion_fn=typify, fgraph_name=fgraph_name, **others)


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


# Shapes, and most of what is made of them, are computed by NumPy: JAX would compile each operation.


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


@convert.register(Cast)
def _cast(op, **_):
    dtype = op.o_type.dtype
    return lambda x: (x if hasattr(x, "astype") else np.asarray(x)).astype(dtype)


# a b c is computed as (a b) c: PyTensor stacks the three and reduces, which XLA is slow to compile.


@convert.register(Add)
def _sum(op, **_):
    return lambda *arrays: reduce(operator.add, arrays)


@convert.register(Mul)
def _product(op, **_):
    return lambda *arrays: reduce(operator.mul, arrays)
