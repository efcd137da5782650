import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from breze_like import distributions
from breze_like.backends import compile_function
from breze_like.distributions import (
    POSTERIORS,
    Diagonal,
    GaussianProcess,
    GaussMarkov,
    Increments,
    MarkovPosterior,
    Process,
    WhiteNoise,
    WienerProcess,
    drawn_log_ratio,
    independent_increments_kl,
    kl,
    kl_divergence,
    register,
)

PRIORS = (*distributions.PRIORS, "markov", "gp_wiener", "gp_smooth")
PAIRS = [(q, p) for q in POSTERIORS for p in PRIORS]
N_STEPS, N_SEQUENCES, N_LATENTS = 6, 6, 3


def dense_kl(mean, covariance, prior):
    """Divergence of two multivariate normals, the second one with mean zero."""
    inverse = np.linalg.inv(prior)
    log_determinants = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(covariance)[1]
    return (np.trace(inverse @ covariance) + mean @ inverse @ mean - len(mean) + log_determinants) / 2


def stepwise(mean, covariance, prior):
    """Divergence of the step's conditional distributions: the increase from one beginning to the next."""
    beginnings = range(1, len(mean) + 1)
    return np.diff([dense_kl(mean[:n], covariance[:n, :n], prior[:n, :n]) for n in beginnings], prepend=0.0)


@pytest.fixture(scope="module")
def graph(priors, make_posterior):
    """Inputs, and the divergence of each pair, and the published form."""
    a, m, v, mask = pt.tensor3("a"), pt.tensor3("m"), pt.tensor3("v"), pt.matrix("mask")
    posteriors = {name: make_posterior(name, a, m, v, mask) for name in POSTERIORS}
    values = {(q, p): kl_divergence(posteriors[q], priors[p][0]) for q, p in PAIRS}
    values["published"] = independent_increments_kl(posteriors["diagonal"], WienerProcess())
    return [a, m, v, mask], values


@pytest.fixture(scope="module")
def divergences(graph):
    """Function from statistics and mask to the divergence of each pair, and the published form."""
    inputs, values = graph
    function = compile_function(inputs, list(values.values()), "jax")
    return lambda *arrays: dict(zip(values, function(*arrays), strict=True))


@pytest.fixture(scope="module")
def gradients(graph):
    """Function like `divergences`, to gradients by the statistics.

    For speed, one for each posterior, of a weighted sum over the priors, and one for the published form.
    """
    inputs, values = graph
    weights = {"white": 0.3, "wiener": 0.9, "markov": 0.4, "gp_smooth": 0.7}
    sums = {q: sum(w * values[q, p].sum() for p, w in weights.items()) for q in POSTERIORS}
    sums["published"] = values["published"].sum()
    by_statistics = [pt.grad(total, inputs[:3], disconnected_inputs="ignore") for total in sums.values()]
    function = compile_function(inputs, sum(by_statistics, []), "jax")

    def call(*arrays):
        results = function(*arrays)
        return {name: results[3 * i : 3 * i + 3] for i, name in enumerate(sums)}

    return call


@pytest.fixture(scope="module")
def statistics(batch):
    return batch.coefficient, batch.offset, batch.variance


@pytest.fixture(scope="module")
def padded(batch, statistics, divergences):
    return divergences(*statistics, batch.mask)


@pytest.mark.parametrize("q, p", PAIRS)
def test_is_the_dense_divergence(q, p, batch, padded, priors, dense_posterior, coefficient_of):
    """Step by step, and so for each sequence."""
    expected = np.zeros(batch.shape[:2])
    for here in batch.each():
        m, v = batch.offset[here], batch.variance[here]
        mean, covariance, _ = dense_posterior(coefficient_of(q, batch.coefficient[here]), m, v)
        expected[here[:2]] += stepwise(mean, covariance, priors[p][1](len(m)))
    np.testing.assert_allclose(padded[q, p], expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(padded[q, p].sum(axis=0), expected.sum(axis=0), rtol=1e-10, atol=1e-10)
    assert np.all(padded[q, p][batch.mask == 0] == 0)


@pytest.mark.slow
def test_log_ratio_of_draws_is_that_of_both_densities(batch, statistics, priors, make_posterior):
    a, m, v, noise, mask = (*pt.tensor3s("a", "m", "v", "noise"), pt.matrix("mask"))
    ratios, densities = [], []
    for name, p in PAIRS:
        q, prior = make_posterior(name, a, m, v, mask), priors[p][0]
        z = q.sample(noise)
        ratios.append(drawn_log_ratio(q, prior, z, noise))
        densities.append(prior.log_prob(z, mask) - q.log_prob(z))
    function = compile_function([a, m, v, noise, mask], ratios + densities, "jax")
    results = function(*statistics, batch.noise, batch.mask)
    for ratio, expected in zip(results[: len(PAIRS)], results[len(PAIRS) :], strict=True):
        np.testing.assert_allclose(ratio, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["increments", "diagonal"])
def test_log_ratio_of_draws_in_single_precision(name, make_posterior, rng):
    """However far latents have moved: here by a million, with innovations of 0.001."""
    n_steps, variance, drift = 100_000, 1e-6, 10.0
    noise = rng.standard_normal((n_steps, 1, 1)).astype("float32")
    with pytensor.config.change_flags(floatX="float32"):
        m, v, eps, mask = (*pt.tensor3s("m", "v", "noise"), pt.matrix("mask"))
        q = make_posterior(name, None, m, v, mask)
        ratio = drawn_log_ratio(q, WienerProcess(), q.sample(eps), eps)
        constant = np.full_like(noise, drift if name == "increments" else 0.0)
        arrays = constant, np.full_like(noise, variance), noise, np.ones((n_steps, 1), "float32")
        actual = compile_function([m, v, eps, mask], ratio, "jax")(*arrays)
    assert actual.dtype == "float32"
    # By SciPy, in double precision: of an increment, and of what was drawn.
    innovations = np.sqrt(variance) * noise[:, 0, 0].astype(float)
    increments = drift + innovations if name == "increments" else np.diff(innovations, prepend=0.0)
    expected = norm.logpdf(increments) - norm.logpdf(innovations, scale=np.sqrt(variance))
    np.testing.assert_allclose(actual[:, 0], expected, rtol=1e-5, atol=1e-5)


def columns(x):
    """Each latent of each sequence as a sequence of one latent."""
    return x.reshape(len(x), -1, 1)


def test_of_one_latent_is_the_dense_divergence(batch, statistics, divergences, priors, dense_posterior):
    mask = np.repeat(batch.mask, N_LATENTS, axis=1)
    values = divergences(*map(columns, statistics), mask)
    for here in batch.each():
        steps, sequence, latent = here
        column = sequence * N_LATENTS + latent
        mean, covariance, _ = dense_posterior(*(x[here] for x in statistics))
        for p in PRIORS:
            expected = dense_kl(mean, covariance, priors[p][1](len(mean)))
            actual = values["gauss_markov", p][steps, column].sum()
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_padded_batch_equals_its_sequences_one_by_one(batch, statistics, divergences, gradients, padded):
    """In value and in gradient; nothing depends on what stands in the padding."""
    padded_gradients = gradients(*statistics, batch.mask)
    for column, place in batch.places[1:]:  # the first one has no padding
        here = place, slice(column, column + 1)
        arrays = [x[here] for x in (*statistics, batch.mask)]
        for pair, alone in divergences(*arrays).items():
            np.testing.assert_allclose(padded[pair][here], alone, rtol=1e-10, atol=1e-10)
        for name, alone in gradients(*arrays).items():
            for together, by_itself in zip(padded_gradients[name], alone, strict=True):
                np.testing.assert_allclose(together[here], by_itself, rtol=1e-10, atol=1e-10)
    for name in padded_gradients:
        for gradient in padded_gradients[name]:
            assert np.all(gradient[batch.mask == 0] == 0), name


def test_gaussian_process_with_the_wiener_covariance_is_the_wiener_process(padded):
    for q in POSTERIORS:
        np.testing.assert_allclose(padded[q, "gp_wiener"], padded[q, "wiener"], rtol=0, atol=1e-12)


@pytest.mark.slow
def test_special_cases_equal_the_general_posterior(batch, divergences, gradients):
    for q, coefficient in [("diagonal", 0.0), ("increments", 1.0)]:
        arrays = np.full(batch.shape, coefficient), batch.offset, batch.variance, batch.mask
        values, by_statistics = divergences(*arrays), gradients(*arrays)
        for p in PRIORS:
            np.testing.assert_allclose(values[q, p], values["gauss_markov", p], rtol=1e-13, atol=1e-13)
        for i in (1, 2):  # by m and v
            actual, expected = by_statistics["gauss_markov"][i], by_statistics[q][i]
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_is_zero_where_posterior_and_prior_agree(batch, divergences):
    one, zero = np.ones(batch.shape), np.zeros(batch.shape)
    values = divergences(one, zero, one, batch.mask)
    for pair in [("diagonal", "white"), ("increments", "wiener"), ("gauss_markov", "wiener")]:
        assert np.all(values[pair] == 0)


class TestPublishedForm:
    @settings(max_examples=60, deadline=None)
    @given(
        offset=arrays(float, (N_STEPS, N_SEQUENCES, N_LATENTS), elements=st.floats(-10, 10)),
        log_variance=arrays(float, (N_STEPS, N_SEQUENCES, N_LATENTS), elements=st.floats(-12, 4)),
        ends=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=6, max_size=6),
    )
    def test_is_below_the_divergence_by_the_analytic_difference(
        self, divergences, offset, log_variance, ends
    ):
        mask, variance = np.zeros((N_STEPS, N_SEQUENCES)), np.exp(log_variance)
        expected = np.zeros(mask.shape)
        for column, (start, length) in enumerate(ends):
            here = slice(start, start + length), column
            mask[here] = 1
            v = variance[here]
            expected[here][1:] = np.log1p(v[:-1] / v[1:]).sum(axis=-1) / 2
        values = divergences(np.zeros_like(offset), offset, variance, mask)
        difference = values["diagonal", "wiener"] - values["published"]
        np.testing.assert_allclose(difference, expected, rtol=1e-9, atol=1e-9)
        assert np.all(difference >= -1e-9)
        assert np.all(values["diagonal", "wiener"].sum(axis=0) >= -1e-9)

    def test_misses_half_log_2_for_each_latent_and_step(self, batch, divergences):
        """A posterior for which it nearly vanishes, though no diagonal posterior is close to the process."""
        half, zero = np.full(batch.shape, 0.5), np.zeros(batch.shape)
        values = divergences(zero, zero, half, np.ones(batch.shape[:2]))
        np.testing.assert_allclose(values["published"][1:], 0, atol=1e-12)
        np.testing.assert_allclose(values["diagonal", "wiener"][1:], N_LATENTS * np.log(2) / 2, rtol=1e-12)

    def test_reference_values(self, goldens, divergences):
        latents, reference = goldens("g3_vrae_slow.npz"), goldens("g5_wiener_kl.npz")
        m, v = columns(latents["latent_mean"]), columns(latents["latent_var"])
        values = divergences(np.zeros_like(m), m, v, np.ones(m.shape[:2]))
        exact, published = values["diagonal", "wiener"].sum(axis=0), values["published"].sum(axis=0)
        for actual, name in [
            (exact, "kl_exact_wiener"),
            (published, "kl_code_noeps_summed_over_t"),
            (exact - published, "analytic_difference"),
        ]:
            expected = reference[f"vrae_slow_{name}"].ravel()
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)

    @pytest.mark.parametrize("q_class", [Increments, GaussMarkov])
    def test_is_refused_for_other_posteriors(self, q_class):
        statistics = [pt.tensor3()] * (3 if q_class is GaussMarkov else 2)
        with pytest.raises(ValueError, match=f"independent_increments.*got {q_class.__name__} and Wiener"):
            independent_increments_kl(q_class(*statistics, pt.matrix()), WienerProcess())

    @pytest.mark.parametrize("p", [WhiteNoise(), GaussianProcess(pt.minimum)])
    def test_is_refused_for_other_priors(self, p):
        with pytest.raises(ValueError, match=f"got Diagonal and {type(p).__name__}"):
            independent_increments_kl(Diagonal(pt.tensor3(), pt.tensor3(), pt.matrix()), p)


class Doubled(WienerProcess):
    """A prior of a user's own, below a known one."""


class Unknown(Process):
    def log_prob(self, z, mask):
        raise NotImplementedError

    def sample(self, noise):
        raise NotImplementedError


@pytest.fixture
def registry(monkeypatch):
    """A registry that is as before after the test."""
    monkeypatch.setattr(kl, "_REGISTRY", dict(kl._REGISTRY))


class TestRegistry:
    def evaluate(self, q_class, p, mask):
        m, v = pt.tensor3("m"), pt.tensor3("v")
        divergence = kl_divergence(q_class(m, v, pt.as_tensor(mask)), p)
        return compile_function([m, v], divergence, "jax")(np.ones((3, 2, 4)), np.ones((3, 2, 4)))

    def test_finds_a_new_pair_and_masks_it(self, registry):
        mask = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        register(Diagonal, Unknown)(lambda q, p: q.offset + q.innovation_variance)
        np.testing.assert_array_equal(self.evaluate(Diagonal, Unknown(), mask), 4 * 2 * mask)

    def test_takes_the_nearest_class(self, registry):
        """A subclass is served by its base classes, until it has a pair of its own."""
        mask = np.ones((3, 2))
        inherited = self.evaluate(Diagonal, Doubled(), mask)
        np.testing.assert_array_equal(inherited, self.evaluate(Diagonal, WienerProcess(), mask))
        register(MarkovPosterior, Doubled)(lambda q, p: 0 * q.offset + 3)
        np.testing.assert_array_equal(self.evaluate(Diagonal, Doubled(), mask), 12 * mask)

    def test_unknown_pair(self):
        q = Diagonal(pt.tensor3(), pt.tensor3(), pt.matrix())
        with pytest.raises(ValueError, match="registered pair, got Diagonal and Unknown"):
            kl_divergence(q, Unknown())
