import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import multivariate_normal, norm

from breze_like import VRAE, variational_bound
from breze_like.backends import compile_function
from breze_like.distributions import PRIORS, GaussianProcess, MarkovProcess, OrnsteinUhlenbeck
from breze_like.distributions.processes import apply_over_time, previous
from breze_like.moments import Moments

NAMES = (*PRIORS, "markov", "gp_wiener", "gp_smooth")


@pytest.fixture(scope="module")
def log_prob(priors):
    """Name -> log densities (n_steps, n_sequences) of latents and a mask."""
    z, mask = pt.tensor3("z"), pt.matrix("mask")
    outputs = [process.log_prob(z, mask) for process, _ in priors.values()]
    function = compile_function([z, mask], outputs, "jax")
    return lambda *arrays: dict(zip(priors, function(*arrays), strict=True))


@pytest.fixture(scope="module")
def sample(priors):
    """Name -> sequences from noise."""
    noise = pt.tensor3("noise")
    function = compile_function([noise], [process.sample(noise) for process, _ in priors.values()], "jax")
    return lambda array: dict(zip(priors, function(array), strict=True))


def dense_log_densities(z, covariance):
    """log p(z_t | z_1, ..., z_{t-1}), as differences of dense joint log densities of one sequence."""
    joint = [multivariate_normal.logpdf(z[:n], np.zeros(n), covariance[:n, :n]) for n in range(1, len(z) + 1)]
    return np.diff(joint, prepend=0.0)


@pytest.mark.parametrize("name", NAMES)
class TestLogProb:
    def test_is_dense_normal_for_every_placement(self, name, batch, priors, log_prob):
        expected = np.zeros(batch.shape[:2])
        for place, column, latent in batch.each():
            z = batch.latents[place, column, latent]
            expected[place, column] += dense_log_densities(z, priors[name][1](len(z)))
        actual = log_prob(batch.latents, batch.mask)[name]
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)

    def test_is_zero_in_the_padding(self, name, batch, log_prob):
        assert np.all(log_prob(batch.latents, batch.mask)[name][batch.mask == 0] == 0)

    def test_random_masks(self, name, rng, priors, log_prob):
        z = rng.normal(size=(6, 6, 3))
        for _ in range(20):
            starts = rng.integers(0, 6, 6)
            stops = rng.integers(starts + 1, 7)
            steps = np.arange(6)[:, None]
            mask = ((steps >= starts) & (steps < stops)).astype(float)
            actual = log_prob(z, mask)[name].sum(axis=0)
            expected = [
                sum(multivariate_normal.logpdf(z[i:j, n, k], cov=priors[name][1](j - i)) for k in range(3))
                for n, (i, j) in enumerate(zip(starts, stops, strict=True))
            ]
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_sample_has_the_covariance(name, priors, sample):
    """A sample is linear in its noise, so that unit noises give the square root of its covariance."""
    root = sample(np.eye(6)[:, :, None])[name][:, :, 0]
    np.testing.assert_allclose(root @ root.T, priors[name][1](6), rtol=0, atol=1e-12)
    assert np.all(sample(np.zeros((6, 2, 3)))[name] == 0)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("gp")])
def test_forecasts_from_z_0_have_the_variances(name, priors):
    """From nothing to the last step; and from a value, those of the dense distribution given that."""
    prior, covariance = priors[name][0], priors[name][1](3)
    moments, value = Moments(np.zeros(1), np.zeros(1)), Moments(pt.as_tensor(np.array([0.7])))
    found = []
    for first in (1.0, 0.0, 0.0):
        moments = prior.forecast(Moments(*map(pt.as_tensor, moments)), first)
        found.append(moments.variance)
    *variances, mean, variance = compile_function([], [*found, *prior.forecast(value)], "jax")()
    np.testing.assert_allclose(np.ravel(variances), np.diag(covariance), rtol=1e-12)
    weight = covariance[2, 1] / covariance[1, 1]
    np.testing.assert_allclose(mean, [0.7 * weight], rtol=1e-12)
    np.testing.assert_allclose(variance, [covariance[2, 2] - weight * covariance[1, 2]], rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("gp")])
def test_samples_that_follow_a_start(name, priors, rng):
    """z_t = c z_{t-1} + sqrt(v) noise_t, where c and v are those of the dense distribution at later steps."""
    prior, covariance = priors[name][0], priors[name][1](3)
    c = covariance[2, 1] / covariance[1, 1]
    deviation = np.sqrt(covariance[2, 2] - c * covariance[1, 2])
    noise, start = rng.normal(size=(5, 4, 2)), rng.normal(size=(4, 2))
    variables = pt.tensor3(), pt.matrix()
    drawn = compile_function(variables, prior.sample(*variables), "jax")(noise, start)
    z = start
    for t, of_step in enumerate(noise):
        z = c * z + deviation * of_step
        np.testing.assert_allclose(drawn[t], z, rtol=1e-12)


def test_sample_is_linear_in_noise(sample, rng):
    noise = rng.normal(size=(6, 4, 2))
    roots = sample(np.eye(6)[:, :, None])
    for name, drawn in sample(noise).items():
        np.testing.assert_allclose(drawn, np.tensordot(roots[name][:, :, 0], noise, 1), rtol=0, atol=1e-12)


def test_wiener_process_is_a_gaussian_process(batch, log_prob, sample):
    densities, samples = log_prob(batch.latents, batch.mask), sample(batch.noise)
    np.testing.assert_allclose(densities["gp_wiener"], densities["wiener"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(samples["gp_wiener"], samples["wiener"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("variance", [2.0, 3, np.float32(0.1)])
def test_variances_of_a_shorter_type_lose_no_digits(variance, rng):
    z, mask, process = pt.tensor3("z"), pt.matrix("mask"), MarkovProcess(0.5, variance)
    function = compile_function([z, mask], [process.log_prob(z, mask), process.sample(z)])
    noise, deviation = rng.normal(size=(4, 2, 1)), np.sqrt(float(variance))
    _, drawn = function(noise, np.ones((4, 2)))
    expected = 0.5 * np.concatenate([np.zeros((1, 2, 1)), drawn[:-1]])
    np.testing.assert_allclose(drawn - expected, deviation * noise, rtol=1e-13, atol=1e-14)
    log_prob, _ = function(drawn, np.ones((4, 2)))
    np.testing.assert_allclose(log_prob, norm.logpdf(drawn, expected, deviation)[:, :, 0], rtol=1e-13)


def test_wiener_process_starts_at_zero(batch, log_prob):
    """The first real step follows z_0 = 0, and not what stands in the padding before it."""
    constant = batch.shape[2] * np.log(2 * np.pi) / 2
    densities = log_prob(np.full(batch.shape, 7.0), batch.mask)["wiener"]
    for column, place in batch.places:
        expected = np.full(place.stop - place.start, -constant)
        expected[0] -= batch.shape[2] * 7**2 / 2
        np.testing.assert_allclose(densities[place, column], expected, rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_draws_standard_normal_noise(name, priors, rng):
    draw = priors[name][0].draw_noise
    np.testing.assert_array_equal(draw(rng, (4, 3, 2)), np.random.default_rng(0).standard_normal((4, 3, 2)))


def test_whitening(batch):
    """The rows whiten the real steps and ignore the rest."""
    mask = pt.matrix("mask")
    rows, log_deviations = compile_function([mask], GaussianProcess(pt.minimum).whitening(mask), "jax")(
        batch.mask
    )
    placed = np.zeros((6, 6, 6))
    for column, place in batch.places:
        n = place.stop - place.start
        placed[column, place, place] = np.eye(n) - np.eye(n, k=-1)  # of the Wiener process: differences
    np.testing.assert_allclose(rows, placed, rtol=0, atol=1e-12)
    np.testing.assert_allclose(log_deviations, 0, atol=1e-12)


def test_previous_and_apply_over_time(batch, rng):
    u, mask, matrices = pt.tensor3("u"), pt.matrix("mask"), pt.tensor3("matrices")
    function = compile_function([u, mask, matrices], [previous(u, mask), apply_over_time(matrices, u)], "jax")
    square = rng.normal(size=(6, 6, 6))
    before, applied = function(batch.latents, batch.mask, square)
    kept = batch.latents * batch.mask[:, :, None]
    np.testing.assert_array_equal(before, np.concatenate([np.zeros_like(kept[:1]), kept[:-1]]))
    np.testing.assert_allclose(applied, np.einsum("ntr,rnk->tnk", square, batch.latents), rtol=1e-12)


@pytest.mark.parametrize("number", [0, -1.0, np.float32(-1), np.nan])
def test_time_constants_are_positive(number):
    with pytest.raises(ValueError, match="time_constant must be positive"):
        OrnsteinUhlenbeck(number)


def test_kernels_that_are_not_positive_definite_are_told_of():
    smooth = GaussianProcess(lambda t, r: pt.exp(-(((t - r) / 10) ** 2) / 2))
    smooth.check_steps(2)
    # Its condition number is 1e7 for 6 steps, and beyond all digits for 60.
    with pytest.raises(
        ValueError, match="kernel must be positive definite, and in float64 it is not, for 60"
    ):
        smooth.check_steps(60)
    with_noise = GaussianProcess(lambda t, r: smooth.kernel(t, r) + 1e-3 * pt.eq(t, r))
    with_noise.check_steps(60)


def test_a_kernel_is_needed_only_for_the_steps_of_a_sequence():
    """Columns of several sequences are longer; there, this one is not positive definite."""
    prior = GaussianProcess(lambda t, r: pt.eq(t, r) * (4.5 - pt.maximum(t, r)))
    prior.check_steps(4)
    mask = np.array([[1, 1, 1, 1, 0, 1, 1, 1]]).T.astype(float)
    symbolic = pt.matrix()
    rows, log_deviations = compile_function([symbolic], list(prior.whitening(symbolic)))(mask)
    variances = np.array([3.5, 2.5, 1.5, 0.5, 1, 3.5, 2.5, 1.5])
    np.testing.assert_allclose(log_deviations[:, 0], np.log(variances) / 2, rtol=1e-12)
    np.testing.assert_allclose(rows[0], np.diag(mask[:, 0] / np.sqrt(variances)), rtol=1e-12)


def test_estimators_tell_of_kernels_that_are_not_positive_definite(rng):
    prior = GaussianProcess(lambda t, r: pt.exp(-(((t - r) / 10) ** 2) / 2))
    model = VRAE(n_visible=1, n_latent=1, n_hiddens=(1,), prior=prior, emission="gaussian_shared")
    with pytest.raises(ValueError, match="kernel must be positive definite"):
        variational_bound(model, [np.zeros((60, 1))], rng)
