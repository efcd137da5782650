from itertools import product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, log_expit
from scipy.stats import chisquare

from breze_like import backends
from breze_like.backends import compile_function
from breze_like.distributions import NADE
from breze_like.distributions import nade as module

N_VISIBLE, N_HIDDEN = 8, 5
NAMES = ("weights_in", "weights_out", "visible_bias", "hidden_bias")


def symbolic():
    return NADE(pt.matrix(), pt.matrix(), pt.tensor3(), pt.tensor3())


def inputs_of(nade):
    return [getattr(nade, name) for name in NAMES]


@pytest.fixture(scope="module")
def values():
    """Weights, and biases of 3 x 2 frames, far from those of independent keys."""
    rng = np.random.default_rng(2)
    shapes = 2 * [(N_VISIBLE, N_HIDDEN)] + [(3, 2, N_VISIBLE), (3, 2, N_HIDDEN)]
    return [1.5 * rng.normal(size=shape) for shape in shapes]


@pytest.fixture(scope="module")
def evaluate():
    """Function from x and the parameters to log_prob, mean, mode, and sample with noise x."""
    x, nade = pt.tensor3("x"), symbolic()
    outputs = [nade.log_prob(x), nade.mean, nade.mode, nade.sample(x)]
    return compile_function([x, *inputs_of(nade)], outputs, "jax")


@pytest.fixture(scope="module")
def every_vector():
    """All binary vectors: (256, 1, 8)."""
    return np.array(list(product([0.0, 1.0], repeat=N_VISIBLE)))[:, None]


def one_frame(values, n):
    """The parameters with the biases of one frame n times over."""
    weights_in, weights_out, visible_bias, hidden_bias = values
    repeated = [np.broadcast_to(b[1, 1], (n, 1, b.shape[2])) for b in (visible_bias, hidden_bias)]
    return [weights_in, weights_out, *repeated]


def by_hand(choose, weights_in, weights_out, visible_bias, hidden_bias):
    """Probabilities of a 1 of the keys of each frame, and values that `choose` takes: loops over all."""
    probabilities, values = np.zeros_like(visible_bias), np.zeros_like(visible_bias)
    for t, n in np.ndindex(visible_bias.shape[:2]):
        for i in range(N_VISIBLE):
            preactivation = hidden_bias[t, n].copy()
            for j in range(i):
                preactivation += values[t, n, j] * weights_in[j]
            p = expit(visible_bias[t, n, i] + weights_out[i] @ expit(preactivation))
            probabilities[t, n, i] = p
            values[t, n, i] = choose(p, (t, n, i))
    return probabilities, values


@pytest.mark.slow
def test_probabilities_of_all_vectors_sum_to_one(evaluate, values, every_vector):
    log_prob = evaluate(every_vector, *one_frame(values, 256))[0]
    assert log_prob.shape == (256, 1)
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-12)


def test_log_prob(evaluate, values, rng):
    x = rng.integers(0, 2, (3, 2, N_VISIBLE)).astype(float)
    p, _ = by_hand(lambda p, place: x[place], *values)
    expected = np.log(np.where(x == 1, p, 1 - p)).sum(axis=-1)
    np.testing.assert_allclose(evaluate(x, *values)[0], expected, rtol=1e-12)


def test_mode_is_greedy(evaluate, values):
    _, expected = by_hand(lambda p, place: p >= 0.5, *values)
    np.testing.assert_array_equal(evaluate(np.zeros_like(values[2]), *values)[2], expected)


def test_mean_is_the_mean_field(evaluate, values):
    expected, _ = by_hand(lambda p, place: p, *values)
    np.testing.assert_allclose(evaluate(np.zeros_like(values[2]), *values)[1], expected, rtol=1e-12)


def test_sample(evaluate, values, rng):
    noise = NADE.draw_noise(rng, (3, 2, N_VISIBLE))
    _, expected = by_hand(lambda p, place: noise[place] < p, *values)
    np.testing.assert_array_equal(evaluate(noise, *values)[3], expected)


def test_samples_are_as_frequent_as_they_are_probable(evaluate, values, every_vector, rng):
    n = 50_000
    noise = NADE.draw_noise(rng, (n, 1, N_VISIBLE))
    assert noise.min() >= 0 and noise.max() < 1
    drawn = evaluate(noise, *one_frame(values, n))[3][:, 0]
    assert set(np.unique(drawn)) == {0.0, 1.0}
    place = drawn.astype(int) @ 2 ** np.arange(N_VISIBLE)[::-1]  # of the vector among all
    frequencies = np.bincount(place, minlength=256)
    expected = n * np.exp(evaluate(every_vector, *one_frame(values, 256))[0][:, 0])
    rare = expected < 5  # too few for the approximation; they count as one
    pooled = [np.append(f[~rare], f[rare].sum()) for f in (frequencies, expected)]
    assert chisquare(*pooled).pvalue > 1e-3


def test_without_weights_the_keys_are_independent(evaluate, values, rng):
    x, logits = rng.integers(0, 2, (3, 2, N_VISIBLE)), values[2]
    nothing = [np.zeros_like(w) for w in values[:2]]
    log_prob, mean, mode, _ = evaluate(x.astype(float), *nothing, *values[2:])
    expected = log_expit(np.where(x == 1, logits, -logits)).sum(axis=-1)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)
    np.testing.assert_allclose(mean, expit(logits), rtol=1e-14)
    np.testing.assert_array_equal(mode, logits >= 0)


def scalar_and_gradients(quantity, x):
    """Inputs after x, and a weighted sum of a quantity with its gradients by x and by the parameters."""
    nade = symbolic()
    y = quantity(nade, x)
    total = (y * pt.cos(pt.cumsum(pt.ones_like(y), axis=0))).sum()
    wrt = [x, *inputs_of(nade)]
    return wrt[1:], [total, *pt.grad(total, wrt, disconnected_inputs="ignore")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "quantity", [lambda y, x: y.log_prob(x), lambda y, x: y.mean], ids=["log_prob", "mean"]
)
def test_gradient(quantity, values, rng):
    x = pt.tensor3("x")
    parameters, outputs = scalar_and_gradients(quantity, x)
    f = compile_function([x, *parameters], outputs, "jax")
    # The gradient by x, too: what lies between 0 and 1 has one.
    start = [rng.random(values[2].shape), *values]
    direction = [rng.normal(size=v.shape) for v in start]
    step = 1e-5
    above, below = (f(*(v + s * d for v, d in zip(start, direction, strict=True)))[0] for s in (step, -step))
    along = sum((g * d).sum() for g, d in zip(f(*start)[1:], direction, strict=True))
    assert along == pytest.approx((above - below) / (2 * step), rel=1e-7)


def test_gradient_of_each_entry(values, rng):
    x = pt.tensor3("x")
    parameters, outputs = scalar_and_gradients(lambda y, x: y.log_prob(x), x)
    f = compile_function([x, *parameters], outputs, "jax")
    start = [rng.integers(0, 2, values[2].shape).astype(float), *values]
    for argument, gradient in enumerate(f(*start)[1:]):
        for place in np.ndindex(gradient.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [v.copy() for v in start]
                moved[argument][place] += step
                ends.append(float(f(*moved)[0]))
            expected = (ends[0] - ends[1]) / 2e-5
            assert gradient[place] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.slow
def test_backends_agree(values, rng):
    x = pt.tensor3("x")
    parameters, outputs = scalar_and_gradients(lambda y, x: y.log_prob(x), x)
    observed = rng.integers(0, 2, values[2].shape).astype(float)
    jax, cvm = (compile_function([x, *parameters], outputs, b)(observed, *values) for b in ("jax", "cvm"))
    for one, other in zip(jax, cvm, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_any_number_of_axes_before_the_keys(values, evaluate, rng):
    x = rng.integers(0, 2, (6, N_VISIBLE)).astype(float)
    frames = [v.reshape(6, -1) for v in values[2:]]
    nade = NADE(*(pt.as_tensor(v) for v in [*values[:2], *frames]))
    log_prob, mode = compile_function([], [nade.log_prob(x), nade.mode], "jax")()
    expected = evaluate(x.reshape(3, 2, -1), *values)
    np.testing.assert_allclose(log_prob, expected[0].ravel(), rtol=1e-12)
    np.testing.assert_array_equal(mode, expected[2].reshape(6, -1))


@pytest.mark.slow
def test_large_logits_in_single_precision():
    with pytensor.config.change_flags(floatX="float32"):
        x, nade = pt.tensor3(), symbolic()
        log_prob = nade.log_prob(x)
        outputs = [log_prob, *pt.grad(log_prob.sum(), inputs_of(nade)), nade.mean, nade.sample(x)]
        f = compile_function([x, *inputs_of(nade)], outputs, "jax")
        ones = np.ones((1, 2, 3), "float32")
        weights = np.ones((3, 2), "float32")
        bias = np.array([[3 * [-1e4], 3 * [1e4]]], "float32")
        results = f(ones, weights, weights, bias, 1e4 * np.ones((1, 2, 2), "float32"))
    assert {r.dtype for r in results} == {np.dtype("float32")}
    assert all(np.isfinite(r).all() for r in results)
    np.testing.assert_allclose(results[0], [[-3 * (1e4 - 2), 0]], rtol=1e-6)


def test_tempered(values):
    """Each key's logit over the temperature, given the keys before it."""
    temperature, noise = 0.5, np.random.default_rng(4).random((3, 2, N_VISIBLE))
    nade = NADE(*(pt.as_tensor(v) for v in values)).tempered(temperature)
    sample, mode = compile_function([], [nade.sample(noise), nade.mode], "jax")()

    def tempered(p):
        on, off = p ** (1 / temperature), (1 - p) ** (1 / temperature)
        return on / (on + off)

    _, expected = by_hand(lambda p, place: noise[place] < tempered(p), *values)
    np.testing.assert_array_equal(sample, expected)
    np.testing.assert_array_equal(mode, by_hand(lambda p, place: p >= 0.5, *values)[1])


def everything(x, weight):
    """All that there is of a NADE: inputs after x and the weight, and outputs."""
    nade = symbolic()
    log_prob, inputs = nade.log_prob(x), inputs_of(nade)
    outputs = [log_prob, nade.mean, nade.mode, nade.sample(weight)]
    for loss in ((log_prob * weight[..., 0]).sum(), log_prob.sum()):  # a constant gradient comes in, too
        outputs += pt.grad(loss, [x, *inputs])
    return inputs, outputs


@pytest.fixture(scope="module", params=["float64", pytest.param("float32", marks=pytest.mark.slow)])
def native_and_reference(request):
    """Function from x, a weight and the parameters to everything: by machine code, and by graphs."""
    with pytensor.config.change_flags(floatX=request.param), pytest.MonkeyPatch.context() as patch:
        x, weight = pt.tensor3("x"), pt.tensor3("weight")
        inputs, native = everything(x, weight)
        patch.setattr(module, "kernel", lambda *_: None)
        others, reference = everything(x, weight)
        replaced = pytensor.graph.replace.graph_replace(reference, dict(zip(others, inputs, strict=True)))
        function = compile_function([x, weight, *inputs], native + replaced, "jax")

    def evaluate(*arrays):
        with pytensor.config.change_flags(floatX=request.param):
            results = function(*(a.astype(request.param) for a in arrays))
        return results[: len(native)], results[len(native) :]

    return evaluate


CASES = {
    "some notes": (0.1, 30, 88, 20),
    "no notes": (0.0, 5, 9, 7),
    "all notes": (1.0, 5, 10, 16),
    "one frame": (0.3, 1, 11, 33),
    "one key": (0.5, 4, 1, 1),
    "many frames": (0.2, 450, 5, 3),
}


@pytest.mark.parametrize("fraction, n_frames, n_visible, n_hidden", CASES.values(), ids=list(CASES))
def test_machine_code_does_what_the_graphs_do(
    native_and_reference, fraction, n_frames, n_visible, n_hidden, rng
):
    weights = 0.5 * rng.normal(size=(2, n_visible, n_hidden))
    biases = [rng.normal(size=(n_frames, 1, n)) for n in (n_visible, n_hidden)]
    on = rng.random((n_frames, 1, n_visible)) < fraction
    for x in (1 * on, on * rng.normal(size=on.shape)):
        results = native_and_reference(x, rng.random(x.shape), *weights, *biases)
        for native, reference in zip(*results, strict=True):
            assert native.dtype == reference.dtype
            tolerance = 1e-5 if native.dtype == np.float32 else 1e-12
            largest = np.abs(reference).max()
            np.testing.assert_allclose(native, reference, rtol=tolerance, atol=tolerance * largest + 1e-30)


def test_machine_code_of_many_members_at_once(values, rng):
    """Under `jax.vmap`, with weights of their own, and with observations that they share."""
    jax = pytest.importorskip("jax")
    x, nade = pt.tensor3(), symbolic()
    log_prob, inputs = nade.log_prob(x), inputs_of(nade)
    outputs = [log_prob, nade.sample(x), *pt.grad(log_prob.sum(), inputs)]
    function = backends.traceable([x, *inputs], outputs)
    observed = rng.random(values[2].shape) * rng.integers(0, 2, values[2].shape)
    members = [np.stack([v, 0.5 * v, -v]) for v in values]
    with backends.jax_context()():
        together = jax.vmap(function, in_axes=(None, 0, 0, 0, 0))(observed, *members)
        alone = [jax.jit(function)(observed, *(m[i] for m in members)) for i in range(3)]
    for results, one_by_one in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(results, np.stack(one_by_one))


def test_given_a_part_of_the_keys(values, rng):
    """Keys that are known stay; the others follow from those before them."""
    x, noise, nade = pt.tensor3(), pt.tensor3(), symbolic()
    given = nade.given(x)
    function = compile_function([x, noise, *inputs_of(nade)], [given.sample(noise), given.mode], "jax")
    known = rng.integers(0, 2, (3, 2, N_VISIBLE)).astype(float)
    known[rng.random(known.shape) < 0.5] = np.nan
    uniform = rng.random(known.shape)

    def known_or(value):
        return lambda p, place: value(p, place) if np.isnan(known[place]) else known[place]

    sample, mode = function(known, uniform, *values)
    np.testing.assert_array_equal(sample, by_hand(known_or(lambda p, at: uniform[at] < p), *values)[1])
    np.testing.assert_array_equal(mode, by_hand(known_or(lambda p, at: p > 0.5), *values)[1])
