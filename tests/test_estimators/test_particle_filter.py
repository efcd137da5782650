"""On a model whose likelihood is known: a Wiener process seen through linear-Gaussian observations."""

import numpy as np
import pytensor.tensor as pt
import pytest
from linear_gaussian import Bootstrap, Filtering, LinearGaussian, draw, exact_nll
from scipy.stats import norm

from breze_like.distributions import GaussianProcess
from breze_like.estimators import importance_sampled_nll, particle_filter
from breze_like.estimators.particle_filter import particle_filter_nll, resample
from breze_like.models import RNN, VOSP, VRAE


@pytest.fixture(scope="module", params=[Bootstrap, Filtering])
def model(request):
    return LinearGaussian(request.param)


def test_it_is_the_likelihood_of_long_sequences(model, sequences, nll, rng):
    score = particle_filter_nll(model, sequences, rng, 1000, 4)
    np.testing.assert_allclose(score.nats, nll, atol=0.5)
    assert score.n_steps.tolist() == [40, 3, 60, 1]


def test_without_resampling_many_more_draws_are_worse(sequences, nll, rng):
    weighted = importance_sampled_nll(LinearGaussian(Bootstrap), sequences[2:3], rng, 4000)
    filtered = particle_filter_nll(LinearGaussian(Bootstrap), sequences[2:3], rng, 100, 2)
    assert weighted.nats[0] - nll[2] > 10 * abs(filtered.nats[0] - nll[2])


@pytest.mark.parametrize("n_particles", [5, 12])
def test_estimates_of_the_likelihood_have_no_bias(n_particles, model, rng):
    sequence = draw(np.random.default_rng(2), 6)
    copies = particle_filter_nll(model, [sequence] * 800, rng, n_particles, 1)
    ratios = np.exp(exact_nll(sequence) - copies.nats)
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(len(ratios)))
    assert copies.standard_errors is None


def test_errors_are_the_spread_of_estimates(rng):
    sequence, model = draw(np.random.default_rng(3), 20), LinearGaussian(Filtering)
    score = particle_filter_nll(model, [sequence] * 150, rng, 50, 8)
    said = np.sqrt((score.standard_errors**2).mean())
    assert said == pytest.approx(score.nats.std(ddof=1), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {"prior": "ornstein_uhlenbeck"},
        {"posterior": "diagonal", "layer": "gru", "emission": "gaussian_shared", "missing": "indicator"},
    ],
)
def test_it_is_the_likelihood_that_importance_sampling_converges_to(choices, rng):
    vosp = VOSP(3, 2, (4,), (5,), **choices)
    vosp.initialize(np.random.default_rng(0))
    vosp.parameters.data[...] += np.random.default_rng(1).normal(0, 0.3, vosp.parameters.size)
    sequences = [rng.integers(0, 2, (n, 3)).astype(float) for n in (3, 5, 2)]
    if vosp.missing.allowed:
        sequences[1][2:4, 1] = np.nan
    filtered = particle_filter_nll(vosp, sequences, rng, 1000, 8)
    weighted = importance_sampled_nll(vosp, sequences, rng, 4000)
    errors = np.hypot(filtered.standard_errors, weighted.standard_errors)
    np.testing.assert_array_less(np.abs(filtered.nats - weighted.nats), 4 * errors + 1e-3)


def test_the_first_latents_are_those_of_a_stationary_process(rng):
    """With one latent, whose likelihood is an integral that a grid computes."""
    vosp = VOSP(2, 1, (3,), (3,), prior="ornstein_uhlenbeck", generative_p_keep=1.0)
    vosp.initialize(np.random.default_rng(0))
    vosp.parameters.data[...] += np.random.default_rng(1).normal(0, 1.5, vosp.parameters.size)
    vosp.parameters.view("prior/log_time_constant")[...] = 2  # small steps, and a first one that is not
    z = np.linspace(-8, 8, 4001)
    function = vosp.function(["latents", "observations", "mask"], "emission/log_prob")
    sequences = [np.array([[a, b]]) for a in (0.0, 1.0) for b in (0.0, 1.0)]
    for x in sequences:
        columns = np.ones((1, len(z), 1))
        log_prob = function(z[None, :, None], x[None] * columns, columns[:, :, 0])[0]
        exact = -np.log(np.trapezoid(np.exp(log_prob) * norm.pdf(z), z))
        filtered = particle_filter_nll(vosp, [x], rng, 4000, 4)
        assert filtered.nats[0] == pytest.approx(exact, abs=5 * filtered.standard_errors[0] + 1e-4)


def test_a_score_does_not_depend_on_what_is_filtered_beside_it(model, sequences, monkeypatch):
    def score():
        return particle_filter_nll(model, sequences, np.random.default_rng(5), 10, 2).nats

    together = score()
    monkeypatch.setattr(particle_filter, "MAX_PARTICLES", 60)  # three sequences, and then one
    np.testing.assert_allclose(score(), together, rtol=1e-12)


def test_resampling_keeps_what_weights_say(rng):
    weights = np.array([[0.05, 0.65, 0.3, 0.0], [0.25, 0.25, 0.2, 0.3]])
    z, log_weights = np.tile(np.arange(4.0)[:, None], (2, 1, 1)), np.log(4 * weights + 1e-300)
    likelihoods = resample(z, log_weights, rng)
    np.testing.assert_allclose(likelihoods, [0, 0], atol=1e-12)  # the mean of the weights is 1
    counts = np.bincount(z[0, :, 0].astype(int), minlength=4)
    assert (np.abs(counts - 4 * weights[0]) < 1).all()
    assert not log_weights[0].any()
    np.testing.assert_array_equal(z[1, :, 0], np.arange(4))  # more than half of these count
    np.testing.assert_allclose(log_weights[1], np.log(4 * weights[1]))


@pytest.mark.parametrize(
    "other",
    [
        lambda: RNN(2, (3,)),
        lambda: VRAE(2, 1, (3,)),
        lambda: VOSP(2, 1, (3,), (3,), prior=GaussianProcess(lambda t, r: pt.exp(-abs(t - r)))),
    ],
)
def test_what_can_not_be_filtered(other, rng):
    with pytest.raises(ValueError, match="model must have latents with a Markov process .* use importance"):
        particle_filter_nll(other(), [np.zeros((2, 2))], rng)


@pytest.mark.parametrize("arguments", [{"n_particles": 0}, {"n_filters": 1.5}])
def test_numbers(arguments, model, sequences, rng):
    with pytest.raises(ValueError, match="must be a positive integer"):
        particle_filter_nll(model, sequences, rng, **arguments)
