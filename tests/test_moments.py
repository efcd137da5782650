from itertools import product as cartesian

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.integrate import quad
from scipy.special import expit, log_expit, log_ndtr, logsumexp, ndtr

from breze_like import moments
from breze_like.backends import available, compile_function
from breze_like.moments import Moments

FUNCTIONS = {"rectifier": lambda x: np.maximum(x, 0), "sigmoid": expit, "tanh": np.tanh}

# The table of the module's documentation: largest errors of mean and variance, rounded up.
TOLERANCES = {
    "identity": (1e-8, 1e-8),
    "rectifier": (1e-8, 1e-8),
    "sigmoid": (0.0006, 0.0001),
    "tanh": (0.0011, 0.0005),
    "sigmoid_wang_manning": (0.0131, 0.0271),
    "tanh_wang_manning": (0.0330, 0.1082),
}
NAMES_IN_TABLE = {
    "sigmoid": "`Sigmoid`",
    "tanh": "`Tanh(Sigmoid())`",
    "sigmoid_wang_manning": "`WangManningSigmoid`",
    "tanh_wang_manning": "`Tanh(WangManningSigmoid())`",
}


def exact_by_quad(function, mean, variance):
    """Mean and variance of function(x), x ~ N(mean, variance), by adaptive quadrature."""
    deviation = np.sqrt(variance)
    # The density is negligible beyond 12 deviations; functions bend at 0.
    points = [p for p in (-mean / deviation,) if abs(p) < 12]

    def integrate(f):
        def integrand(h):
            return f(function(mean + deviation * h)) * np.exp(-h * h / 2) / np.sqrt(2 * np.pi)

        return quad(integrand, -12, 12, points=points, limit=500, epsabs=1e-13, epsrel=1e-12)[0]

    expectation = integrate(lambda y: y)
    return expectation, integrate(lambda y: (y - expectation) ** 2)


def exact_by_trapezoid(function, mean, variance):
    """The same for arrays and functions without a kink, where the trapezoidal rule is exact."""
    h = np.arange(-9, 9.01, 0.04)
    weights = np.exp(-(h**2) / 2)
    y = function(mean[..., None] + np.sqrt(variance)[..., None] * h)
    expectation = y @ weights / weights.sum()
    return expectation, (y - expectation[..., None]) ** 2 @ weights / weights.sum()


@pytest.fixture(scope="module")
def evaluate():
    """Name -> mean and variance of every transfer at arrays of means and variances (matrices)."""
    m, v = pt.matrix("m"), pt.matrix("v")
    outputs = [out for transfer in moments.TRANSFERS.values() for out in transfer.moments(Moments(m, v))]
    function = compile_function([m, v], outputs, "jax")

    def call(mean, variance):
        results = function(*np.broadcast_arrays(np.atleast_2d(mean), np.atleast_2d(variance)))
        return {name: (results[2 * i], results[2 * i + 1]) for i, name in enumerate(moments.TRANSFERS)}

    return call


@pytest.fixture(scope="module")
def grid(goldens):
    return goldens("g1_transfer.npz")


@pytest.fixture(scope="module")
def on_grid(evaluate, grid):
    return evaluate(grid["mean_grid"], grid["var_grid"])


class TestMoments:
    def test_of_a_value(self):
        """None as a variance says that the mean is the value, through all that is done with it."""
        x = Moments(pt.matrix())
        assert x.arrays == (x.mean,)
        assert Moments(*x.arrays) == x
        for result in (
            x.map(lambda u: u[0]),
            x.through(moments.Tanh()),
            moments.total(x, x),
            moments.dropout(x),
        ):
            assert result.variance is None
        assert moments.dropout(x, 0.5).variance is not None

    def test_zeros_in_place_of_no_variance(self, rng):
        x, v = pt.matrix(), pt.matrix()
        value = rng.normal(size=(2, 3))
        mean, variance = compile_function([x], list(Moments(x).uncertain), "jax")(value)
        np.testing.assert_array_equal(mean, value)
        np.testing.assert_array_equal(variance, np.zeros((2, 3)))
        uncertain = Moments(x, v)
        assert uncertain.uncertain is uncertain

    @pytest.mark.parametrize("name", moments.TRANSFERS)
    def test_values_pass_transfer_functions(self, name, rng):
        """Not their moments at variance 0, which are approximations."""
        x, f, value = pt.matrix(), moments.TRANSFERS[name], rng.normal(size=(2, 3))
        result, expected = compile_function([x], [Moments(x).through(f).mean, f(x)], "jax")(value)
        np.testing.assert_array_equal(result, expected)

    def test_of_a_sum_of_independent_terms(self, rng):
        m, v, x = pt.matrix(), pt.matrix(), pt.vector()
        arrays = [rng.random((2, 3)), rng.random((2, 3)), rng.random(3)]
        graph = moments.total(Moments(m, v), Moments(x), Moments(2 * m, v**2))
        mean, variance = compile_function([m, v, x], list(graph), "jax")(*arrays)
        np.testing.assert_allclose(mean, 3 * arrays[0] + arrays[2], rtol=1e-12)
        np.testing.assert_allclose(variance, arrays[1] + arrays[1] ** 2, rtol=1e-12)

    def test_arrays_of_several(self):
        a, b, c = pt.matrix(), pt.matrix(), pt.matrix()
        assert moments.flatten([Moments(a), Moments(b, c)]) == [a, b, c]


class TestDropoutAndAffine:
    @pytest.mark.parametrize("p_keep", [0.0, 0.3, 0.9, 1.0])
    def test_against_all_dropout_patterns(self, rng, p_keep):
        """Inputs with two values each: every pattern of kept units and values, with its probability."""
        n_in, n_out = 3, 2
        weights, bias = rng.normal(size=(n_in, n_out)), rng.normal(size=n_out)
        x, p = rng.normal(size=(2, n_in)), rng.uniform(0.2, 0.8, n_in)
        p = np.array([p, 1 - p])
        values, probabilities = [], []
        for kept in cartesian((0, 1), repeat=n_in):
            for which in cartesian((0, 1), repeat=n_in):
                values.append((kept * x[which, range(n_in)]) @ weights + bias)
                chance = np.where(kept, p_keep, 1 - p_keep) * p[which, range(n_in)]
                probabilities.append(chance.prod())
        values, probabilities = np.array(values), np.array(probabilities)
        expected = probabilities @ values
        spread = probabilities @ (values - expected) ** 2

        mean = (p * x).sum(axis=0)
        variance = (p * (x - mean) ** 2).sum(axis=0)
        arguments = [pt.matrix(), pt.matrix(), pt.matrix(), pt.vector(), pt.scalar()]
        graph = moments.affine(Moments(*arguments[:2]), *arguments[2:])
        function = compile_function(arguments, list(graph), "jax")
        actual = function(mean[None], variance[None], weights, bias, p_keep)
        np.testing.assert_allclose(actual[0][0], expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(actual[1][0], spread, rtol=1e-12, atol=1e-14)

    def test_dropout_of_one_unit(self):
        m, v, p = pt.matrix(), pt.matrix(), pt.vector()
        mean, variance = compile_function([m, v, p], list(moments.dropout(Moments(m, v), p)), "jax")(
            np.array([[2.0, 3.0]]), np.array([[0.5, 0.0]]), np.array([0.25, 1.0])
        )
        np.testing.assert_allclose(mean, [[0.5, 3.0]])
        np.testing.assert_allclose(variance, [[0.25 * 4.5 - 0.25, 0]])  # E[d x^2] - E[d x]^2

    def test_certain_inputs(self, rng):
        """Without dropout it is the affine map, and what is certain stays so."""
        x, w = pt.matrix(), pt.matrix()
        arrays = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
        result = moments.affine(Moments(x), w)
        assert result.variance is None
        zero = moments.affine(Moments(x, 0.0 * x), w)
        value, mean, variance = compile_function([x, w], [result.mean, *zero], "jax")(*arrays)
        np.testing.assert_allclose(value, arrays[0] @ arrays[1], rtol=1e-12)
        np.testing.assert_array_equal(mean, value)
        assert not variance.any()

    def test_dropout_makes_what_is_certain_uncertain(self, rng):
        """As if its variance were an array of zeros."""
        x, w = pt.matrix(), pt.matrix()
        graph = [
            *moments.affine(Moments(x), w, p_keep=0.7),
            *moments.affine(Moments(x, 0.0 * x), w, p_keep=0.7),
        ]
        results = compile_function([x, w], graph, "jax")(rng.normal(size=(3, 4)), rng.normal(size=(4, 2)))
        assert (results[1] > 0).all()
        np.testing.assert_array_equal(results[:2], results[2:])

    @pytest.mark.parametrize("p_drop", ["0.0", "0.1", "0.5"])
    @pytest.mark.parametrize("transfer", ["identity", "rectifier", "sigmoid"])
    def test_reference_values(self, goldens, p_drop, transfer):
        g = goldens("g2_layers.npz")
        wang_manning = {"sigmoid": "sigmoid_wang_manning"}
        f = moments.TRANSFERS[wang_manning.get(transfer, transfer)]
        m, v, w, b = pt.matrix(), pt.matrix(), pt.matrix(), pt.vector()
        preactivation = moments.affine(Moments(m, v), w, b, 1 - float(p_drop))
        function = compile_function([m, v, w, b], [*preactivation, *f.moments(preactivation)], "jax")
        results = function(g["fwd_in_mean"], g["fwd_in_var"], g["fwd_weights"], g["fwd_bias"])
        for actual, name in zip(results, ("in_mean", "in_var", "mean", "var"), strict=True):
            # The original takes an approximate normal distribution function for its rectifier.
            atol = 1e-4 if transfer == "rectifier" else 1e-14
            np.testing.assert_allclose(actual, g[f"fwd_p{p_drop}_{transfer}_{name}"], rtol=1e-10, atol=atol)

    @pytest.mark.parametrize("shape", [(3, 4), (5, 3, 4)])
    def test_product(self, rng, shape):
        x, w = pt.tensor(shape=(None,) * len(shape)), pt.matrix()
        arrays = rng.normal(size=shape), rng.normal(size=(4, 2))
        actual = compile_function([x, w], moments.product(x, w), "jax")(*arrays)
        np.testing.assert_allclose(actual, np.tensordot(*arrays, axes=1), rtol=1e-12, atol=1e-14)


class TestTransfers:
    def test_functions(self, rng):
        x = pt.vector()
        at = 5 * rng.normal(size=50)
        results = compile_function([x], [f(x) for f in moments.TRANSFERS.values()], "jax")(at)
        for name, actual in zip(moments.TRANSFERS, results, strict=True):
            function = FUNCTIONS.get(name.removesuffix("_wang_manning"), lambda x: x)
            np.testing.assert_allclose(actual, function(at), rtol=1e-12, atol=1e-15, err_msg=name)

    def test_identity(self, grid, on_grid):
        np.testing.assert_array_equal(on_grid["identity"][0], grid["mean_grid"])
        np.testing.assert_array_equal(on_grid["identity"][1], grid["var_grid"])

    def test_rectifier(self, grid, on_grid):
        mean, variance = on_grid["rectifier"]
        np.testing.assert_allclose(mean, grid["exact_rectifier_mean"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(variance, grid["exact_rectifier_var"], rtol=0, atol=1e-8)

    @pytest.mark.parametrize("name", ["sigmoid", "tanh"])
    def test_scale_mixture(self, name, grid, on_grid):
        mean, variance = on_grid[name]
        exact_variance = grid[f"exact_{name}_var"]
        np.testing.assert_allclose(mean, grid[f"exact_{name}_mean"], rtol=0, atol=2e-3)
        np.testing.assert_allclose(variance, exact_variance, rtol=0, atol=1e-3)
        near = (grid["var_grid"] <= 1e-2) & (abs(grid["mean_grid"]) <= 1.5)
        np.testing.assert_allclose(variance[near], exact_variance[near], rtol=0.05)

    @pytest.mark.parametrize("name", moments.TRANSFERS)
    def test_off_the_grid(self, name, evaluate, rng):
        """Against adaptive quadrature, at points of its own."""
        mean, variance = rng.uniform(-6, 6, 12), np.exp(rng.uniform(np.log(1e-4), np.log(25), 12))
        at_mean, at_variance = TOLERANCES[name]
        function = FUNCTIONS.get(name.removesuffix("_wang_manning"), lambda x: x)
        exact = [exact_by_quad(function, m, v) for m, v in zip(mean, variance, strict=True)]
        for actual, expected, atol in zip(
            evaluate(mean, variance)[name], np.transpose(exact), (at_mean, at_variance), strict=True
        ):
            np.testing.assert_allclose(actual[0], expected, rtol=0, atol=atol)

    @pytest.mark.parametrize("name", moments.TRANSFERS)
    def test_variance_is_never_negative(self, name, evaluate):
        mean = np.linspace(-60, 60, 121)[:, None]
        variance = np.concatenate([[0], np.geomspace(1e-12, 1e4, 33)])
        expectation, spread = evaluate(mean, variance)[name]
        assert np.isfinite(expectation).all()
        assert spread.min() >= 0

    @pytest.mark.parametrize("name", ["identity", "rectifier", "sigmoid", "tanh"])
    def test_variance_vanishes_with_that_of_the_input(self, name, evaluate):
        mean = np.linspace(-6, 6, 49)[:, None]
        spread = evaluate(mean, np.array([0, 1e-8, 1e-4, 1e-2]))[name][1]
        assert not spread[:, 0].any()
        assert np.all(spread[:, 1:].max(axis=0) <= 1.05 * np.array([1e-8, 1e-4, 1e-2]))

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_gradients_are_finite(self, precision):
        """At variance 0, too; and all is of the precision of the input."""
        with pytensor.config.change_flags(floatX=precision):
            m, v = pt.matrix(), pt.matrix()
            transfers = (moments.TRANSFERS[name] for name in ("rectifier", "tanh", "tanh_wang_manning"))
            outputs = [out for transfer in transfers for out in transfer.moments(Moments(m, v))]
            loss = sum(out.sum() for out in outputs)
            function = compile_function([m, v], [loss, *outputs, *pt.grad(loss, [m, v])], "jax")
            arrays = np.meshgrid(np.linspace(-40, 40, 41), [0, 1e-20, 1e-8, 1e-2, 1, 1e4], indexing="ij")
            for array in function(*(a.astype(precision) for a in arrays)):
                assert array.dtype == precision
                assert np.isfinite(array).all()


class TestWangManning:
    def test_sigmoid_reference_values(self, grid, on_grid):
        """These clip the mean, before it is squared."""
        mean, variance = on_grid["sigmoid_wang_manning"]
        clipped = np.clip(mean, 1e-7, 1 - 1e-7)
        second = variance + mean**2
        np.testing.assert_allclose(clipped, grid["breze_sigmoid_mean"], rtol=1e-12)
        np.testing.assert_allclose(second - clipped**2, grid["breze_sigmoid_var"], rtol=1e-9, atol=1e-14)

    def test_tanh_reference_values(self, grid, on_grid):
        mean, variance = on_grid["tanh_wang_manning"]
        np.testing.assert_allclose(mean, grid["corrected_tanh_mean"], rtol=0, atol=3e-7)
        np.testing.assert_allclose(variance, grid["corrected_tanh_var"], rtol=0, atol=1e-6)

    def test_variance_does_not_vanish(self, evaluate):
        """What the original used, known defects and all."""
        results = evaluate(0.0, 1e-4)
        np.testing.assert_allclose(results["tanh_wang_manning"][1], 0.05, atol=5e-3)
        np.testing.assert_allclose(results["tanh"][1], 1e-4, rtol=0.05)

    def test_largest_error(self, grid, on_grid):
        error = abs(on_grid["tanh_wang_manning"][1] - grid["exact_tanh_var"]).max()
        np.testing.assert_allclose(error, 0.108, atol=5e-4)


@pytest.mark.parametrize("name, row", NAMES_IN_TABLE.items())
def test_documented_errors(name, row, evaluate):
    """The documented numbers are the largest errors, rounded up to four digits."""
    (line,) = [line for line in moments.__doc__.splitlines() if line.startswith(f"{row} ")]
    documented = [float(number) for number in line.removeprefix(row).split()]
    mean, variance = np.meshgrid(np.linspace(-6, 6, 121), np.geomspace(1e-4, 25, 61), indexing="ij")
    exact = exact_by_trapezoid(FUNCTIONS[name.removesuffix("_wang_manning")], mean, variance)
    errors = [abs(a - e).max() for a, e in zip(evaluate(mean, variance)[name], exact, strict=True)]
    np.testing.assert_allclose(documented, np.ceil(1e4 * np.array(errors)) / 1e4, rtol=0, atol=1e-12)
    assert documented == list(TOLERANCES[name])


def is_peak(values, i):
    return values[i - 1] <= values[i] >= values[i + 1]


class TestMixture:
    def test_is_the_best_approximation(self):
        """The largest error is taken with alternating signs, once more than there are constants to choose."""
        weights, scales = moments.Sigmoid.WEIGHTS, moments.Sigmoid.SCALES
        np.testing.assert_allclose(sum(weights), 1, rtol=1e-15)
        x = np.linspace(0, 20, 200_001)
        error = sum(p * ndtr(s * x) for p, s in zip(weights, scales, strict=True)) - expit(x)
        np.testing.assert_allclose(abs(error).max(), 5.10e-4, atol=5e-7)
        peaks = [i for i in range(1, len(x) - 1) if abs(error[i]) > 5e-4 and is_peak(abs(error), i)]
        assert len(peaks) == 4  # and as many for x < 0, as the error is odd
        np.testing.assert_allclose(abs(error[peaks]), abs(error).max(), rtol=1e-6)
        assert np.all(np.diff(np.sign(error[peaks])) != 0)

    @pytest.mark.parametrize("n_nodes", [1, 2, 3, 8])
    def test_quadrature_is_that_of_the_mixture(self, n_nodes):
        """With many nodes the variance is that of the mixture itself."""
        function = moments.Sigmoid(n_nodes)

        def mixture(x):
            return sum(p * ndtr(s * x) for p, s in zip(function.WEIGHTS, function.SCALES, strict=True))

        mean, variance = np.meshgrid(np.linspace(-4, 4, 9), [0.01, 0.5, 4.0, 25.0], indexing="ij")
        m, v = pt.matrix(), pt.matrix()
        actual = compile_function([m, v], list(function.moments(Moments(m, v))), "jax")(mean, variance)
        expected = exact_by_trapezoid(mixture, mean, variance)
        np.testing.assert_allclose(actual[0], expected[0], rtol=0, atol=1e-12)
        atol = {1: 2e-2, 2: 1e-4, 3: 1e-5, 8: 1e-9}[n_nodes]
        np.testing.assert_allclose(actual[1], expected[1], rtol=0, atol=atol)


def exact_log_sigmoid(mean, variance):
    """log E[sigmoid(x)] for x ~ N(mean, variance) by the trapezoidal rule, also where E underflows."""
    deviation = np.sqrt(variance)
    # exp(x) times the density has its peak at mean + variance.
    x = np.linspace(min(mean, mean + variance) - 12 * deviation, mean + variance + 12 * deviation, 20_001)
    log_density = -((x - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    return logsumexp(log_expit(x) + log_density) + np.log(x[1] - x[0])


class TestLogitMean:
    means = np.array([-1000, -60, -35, -20, -12, -7, -3, -0.4, 0, 0.5, 4, 15, 35, 60.0])[:, None]
    variances = np.array([1e-4, 0.3, 1.0, 5.0, 30.0, 100.0, 1e4])

    def evaluate(self, sigmoid, means, variances):
        m, v = pt.matrix(), pt.matrix()
        logit = sigmoid.logit_mean(Moments(m, v))
        dtype = pytensor.config.floatX
        arrays = [x.astype(dtype) for x in np.broadcast_arrays(means, variances)]
        outputs = [logit, *pt.grad(logit.sum(), [m, v])]
        return compile_function([m, v], outputs, "jax")(*arrays)

    @pytest.mark.parametrize(("precision", "rounding"), [("float64", 1e-12), ("float32", 1e-6)])
    def test_log_probabilities_of_both_values_in_the_tails(self, precision, rounding):
        with pytensor.config.change_flags(floatX=precision):
            logit, by_mean, by_variance = self.evaluate(moments.Sigmoid(), self.means, self.variances)
        for array in (logit, by_mean, by_variance):
            assert array.dtype == precision
            assert np.isfinite(array).all()
        # Of the less probable value; of the other one where it can be told from 0 in this precision.
        less = log_expit(-abs(logit.astype(float)))
        expected = np.array([[exact_log_sigmoid(-abs(m), v) for v in self.variances] for (m,) in self.means])
        error = abs(less / expected - 1)
        assert error[:, self.variances <= 5].max() < 1e-3
        assert error.max() < 0.015
        more, log_more = log_expit(abs(logit.astype(float))), np.log1p(-np.exp(expected))
        np.testing.assert_allclose(more, log_more, rtol=0.02, atol=rounding)
        assert (np.sign(logit) == np.sign(self.means))[self.means[:, 0] != 0].all()
        # The exact slopes are those of 1 as the variance vanishes, and less, but never near 0.
        assert by_mean.min() > 0.005

    @pytest.mark.parametrize(
        "backend",
        [available()[0], *(pytest.param(other, marks=pytest.mark.slow) for other in available()[1:])],
    )
    def test_gradient_is_finite_at_any_variance_in_single_precision(self, backend):
        with pytensor.config.change_flags(floatX="float32"):
            m, v = pt.matrix(), pt.matrix()
            logit = moments.Sigmoid().logit_mean(Moments(m, v))
            function = compile_function([m, v], pt.grad(logit.sum(), [m, v]), backend)
        means = np.array([-1e4, -3000, -1000, -100, -1, 0, 100, 1000, 3000], np.float32)[:, None]
        variances = np.array([[0, 1e-30, 1e-12, 1, 700, 1e3, 1e4]], np.float32)
        arrays = [np.ascontiguousarray(x) for x in np.broadcast_arrays(means, variances)]
        assert all(np.isfinite(gradient).all() for gradient in function(*arrays))

    def test_gradient_is_that_of_the_exact_logarithm(self):
        """Which is that of a quadrature, by central differences."""
        means, step = np.array([-40, -20, -6, -2.0])[:, None], 1e-3
        variances = np.array([0.3, 1.0, 4.0])
        logit, by_mean, _ = self.evaluate(moments.Sigmoid(), means, variances)
        slopes = [
            [
                (exact_log_sigmoid(m + step, v) - exact_log_sigmoid(m - step, v)) / (2 * step)
                for v in variances
            ]
            for (m,) in means
        ]
        # d log E / d mean = (1 - E) d logit / d mean.
        np.testing.assert_allclose(by_mean * expit(-logit), slopes, rtol=0.01)

    def test_is_continuous_where_the_other_tail_takes_over(self):
        variance = np.array([0.01, 1.0, 9.0])
        edges = np.concatenate([-variance / 2, np.zeros(3)])[:, None]
        logits = [self.evaluate(moments.Sigmoid(), edges + e, variance)[0] for e in (-1e-9, 1e-9)]
        np.testing.assert_allclose(*logits, rtol=0, atol=3e-9)

    def test_wang_manning_is_the_logit_of_the_mean(self, rng):
        sigmoid, m, v = moments.WangManningSigmoid(), pt.vector(), pt.vector()
        outputs = [sigmoid.logit_mean(Moments(m, v)), sigmoid.moments(Moments(m, v)).mean]
        logit, mean = compile_function([m, v], outputs, "jax")(rng.normal(size=20), rng.uniform(0, 9, 20))
        np.testing.assert_allclose(log_expit(logit), np.log(mean), rtol=1e-10)


def test_ndtr_in_its_lower_tail():
    x = pt.vector()
    at = np.linspace(-37, 8, 91)
    np.testing.assert_allclose(compile_function([x], moments.ndtr(x), "jax")(at), ndtr(at), rtol=1e-11)


def test_logarithm_of_ndtr():
    x = pt.vector()
    at = np.concatenate([np.linspace(-1000, -10, 100), np.linspace(-10, 8, 50)])
    values = compile_function([x], moments.log_ndtr(x), "jax")(at)
    np.testing.assert_allclose(values, log_ndtr(at), rtol=2e-4, atol=1e-15)
