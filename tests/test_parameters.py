import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.tensor.basic import Join, Split
from pytensor.tensor.subtensor import IncSubtensor

from breze_like.backends import compile_function
from breze_like.parameters import ParameterSet

SHAPES = {"weights": (3, 2), "bias": (2,), "scale": (), "kernel": (2, 1, 4)}


@pytest.fixture
def parameters():
    parameters = ParameterSet()
    for name, shape in SHAPES.items():
        parameters.declare(name, shape)
    parameters.data[...] = np.arange(parameters.size)
    return parameters


def loss_of(parameters):
    weights, bias, scale, kernel = (parameters[name] for name in SHAPES)
    hidden = pt.tanh(scale / 9 * weights @ bias / 20)
    return (hidden**2).sum() + pt.sin(kernel).sum() * scale + (weights**3).sum()


def test_numpy_views_share_memory_and_layout(parameters):
    assert parameters.size == 6 + 2 + 1 + 8
    views = parameters.views()
    assert list(views) == list(SHAPES)
    assert {name: view.shape for name, view in views.items()} == SHAPES
    np.testing.assert_array_equal(np.concatenate([v.ravel() for v in views.values()]), parameters.data)
    parameters.view("bias")[...] = -1
    parameters.view("scale")[...] = -2
    views["kernel"][1, 0, 3] = -3
    np.testing.assert_array_equal(parameters.data, [0, 1, 2, 3, 4, 5, -1, -1, -2, *range(9, 16), -3])
    parameters.data[0] = 50
    assert parameters.view("weights")[0, 0] == 50


def test_symbolic_views_have_the_same_layout(parameters):
    outputs = [parameters[name] for name in SHAPES]
    arrays = compile_function([parameters.flat], outputs, "jax")(parameters.data)
    for name, array in zip(SHAPES, arrays, strict=True):
        assert parameters[name].name == name
        assert parameters[name].type.shape == SHAPES[name]
        np.testing.assert_array_equal(array, parameters.view(name))


def test_gradient_is_that_of_finite_differences(parameters, rng):
    loss = loss_of(parameters)
    function = compile_function([parameters.flat], [loss, parameters.gradient(loss)], "jax")
    at = rng.normal(size=parameters.size)
    _, gradient = function(at)
    assert gradient.shape == (parameters.size,)
    step = 1e-6 * np.eye(parameters.size)
    differences = [(function(at + d)[0] - function(at - d)[0]) / 2e-6 for d in step]
    np.testing.assert_allclose(gradient, differences, rtol=1e-7, atol=1e-8)


def test_gradient_is_joined_once():
    """However many views there are, the vector is split once, put together once, and never added up."""
    parameters = ParameterSet()
    for i in range(30):
        parameters.declare(f"weights_{i}", (4, 4))
    x = pt.ones((2, 4))
    for i in range(30):
        x = pt.tanh(x @ parameters[f"weights_{i}"])
    loss = x.sum()
    function = pytensor.function(
        [parameters.flat], [loss, parameters.gradient(loss)], mode=Mode("py", "fast_run")
    )
    nodes = function.maker.fgraph.apply_nodes
    assert sum(isinstance(node.op, Split) for node in nodes) == 1
    assert sum(isinstance(node.op, Join) for node in nodes) == 1
    assert not any(isinstance(node.op, IncSubtensor) for node in nodes)


def test_data_starts_at_zero_in_floatX():
    for dtype in ("float32", "float64"):
        with pytensor.config.change_flags(floatX=dtype):
            parameters = ParameterSet()
            parameters.declare("weights", (2, 3))
            assert parameters.data.dtype == parameters["weights"].dtype == parameters.flat.dtype == dtype
            assert not parameters.data.any()
            assert parameters.data is parameters.data


def test_names(parameters):
    assert "weights" in parameters
    assert "other" not in parameters


@pytest.mark.parametrize("shape", [(0,), (2, -1), (2.0,), (None,), ("2",)])
def test_rejects_shapes(shape):
    with pytest.raises(ValueError, match="shape must consist of positive integers, got .* for 'weights'"):
        ParameterSet().declare("weights", shape)


def test_rejects_a_taken_name(parameters):
    with pytest.raises(ValueError, match="name must be new, got 'bias' for the second time"):
        parameters.declare("bias", (2,))


@pytest.mark.parametrize(
    "use", [lambda p: p["bias"], lambda p: p.view("bias"), lambda p: p.data, lambda p: p.views()]
)
def test_rejects_declarations_after_use(use):
    parameters = ParameterSet()
    parameters.declare("bias", (2,))
    use(parameters)
    with pytest.raises(ValueError, match="declare must precede every use of the parameters, got 'late'"):
        parameters.declare("late", (1,))


@pytest.mark.parametrize("look_up", [lambda p: p["other"], lambda p: p.view("other")])
def test_rejects_unknown_names(parameters, look_up):
    with pytest.raises(ValueError, match=r"name must be one of \['bias', .*'weights'\], got 'other'"):
        look_up(parameters)


def test_numpy_integers_are_integers():
    parameters = ParameterSet()
    parameters.declare("weights", np.array([2, 3]))
    assert parameters.shapes == {"weights": (2, 3)}
