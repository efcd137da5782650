"""Models of observations some of which are missing, against what is known of what is there."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from breze_like.distributions import DiagonalNormal, Observed
from breze_like.estimators import importance_sampled_nll, negative_log_likelihood, variational_bound
from breze_like.models import RNN, VOSP, VRAE, FrameNADE, HiddenMarkov
from breze_like.models.base import check_observations
from breze_like.models.emissions import FixedVarianceEmission
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments
from breze_like.tasks import denoise, impute, impute_draws, outlier_scores
from breze_like.training import EMSettings, TrainingSettings, fit, fit_em

LOADINGS, NOISE_VARIANCE = np.array([[1.2, -0.9]]), 0.8


class Chain(VariationalModel):
    """A Wiener process seen through linear-Gaussian observations; q is wider than the prior."""

    def __init__(self, missing):
        super().__init__(2, 1, posterior="increments", missing=missing)

    def _make_networks(self, *_):
        self.emission = FixedVarianceEmission(self.parameters, "emission", 1, 2, 1.0)

    def recognise(self, observations, mask):
        mean = 0.2 * observations[:, :, :2] @ LOADINGS.T
        return Recognised(Moments(mean, 0 * mean + 1.3))

    def generate(self, latents, mask):
        return Observed(DiagonalNormal(latents @ LOADINGS, NOISE_VARIANCE))


def exact_nll(x):
    """Of the entries that are there, by the covariance of all."""
    times = np.arange(1, len(x) + 1)
    covariance = np.kron(np.minimum.outer(times, times), LOADINGS.T @ LOADINGS)
    covariance += NOISE_VARIANCE * np.eye(len(covariance))
    there = ~np.isnan(x.ravel())
    return -multivariate_normal(cov=covariance[there][:, there]).logpdf(x.ravel()[there])


def with_gaps(rng, shape, share=0.3):
    x = rng.standard_normal(shape)
    x[rng.random(shape) < share] = np.nan
    return x


@pytest.mark.parametrize("missing", ["zero", "indicator"])
def test_a_linear_gaussian_chain_has_the_likelihood_of_what_is_there(missing, rng):
    sequences = [with_gaps(rng, (4, 2)), with_gaps(rng, (3, 2)), np.full((2, 2), np.nan)]
    sequences[0][1] = np.nan
    score = importance_sampled_nll(Chain(missing), sequences, rng, 20_000)
    expected = [*map(exact_nll, sequences[:2]), 0.0]
    assert (score.standard_errors < 0.05).all()
    assert (np.abs(score.nats - expected) < 4 * score.standard_errors + 1e-9).all()
    n_there = [np.isfinite(x).sum() for x in sequences]
    assert score.n_observed.tolist() == n_there
    assert score.per_observed_entry == pytest.approx(score.nats.sum() / sum(n_there))
    assert score.per_step == pytest.approx(score.nats.sum() / 9)


@pytest.fixture(scope="module")
def initialized():
    def make(kind, *sizes, **choices):
        model = kind(*sizes, **choices)
        model.parameters.data[...] = 0.5 * np.random.default_rng(1).standard_normal(model.parameters.size)
        return model

    return make


@pytest.fixture(scope="module")
def rnn(initialized):
    return initialized(RNN, 2, (3,), emission="gaussian_shared", missing="zero")


@pytest.fixture(scope="module")
def vosp(initialized):
    choices = {"emission": "gaussian_shared", "missing": "indicator", "prior": "white"}
    return initialized(VOSP, 2, 2, (3,), (3,), **choices)


def test_missing_frames_at_the_end_are_as_padding(rnn, vosp, rng):
    x = with_gaps(rng, (4, 2))
    longer = np.concatenate([x, np.full((2, 2), np.nan)])
    scores = [negative_log_likelihood(rnn, [sequence]).nats for sequence in (x, longer)]
    np.testing.assert_allclose(*scores, rtol=1e-12)
    # Padding in front of the same frames changes nothing, and missing frames count as little.
    log_prob = vosp.function(["observations", "mask", "noise"], "emission/log_prob")
    noise = rng.standard_normal((6, 2, 2))
    batch, mask = np.stack([longer, np.zeros((6, 2))], axis=1), np.ones((6, 2))
    batch[2:, 1], mask[:2, 1] = x, 0
    noise[2:, 1] = noise[:4, 0]
    terms = log_prob(batch, mask, noise)
    assert (terms[4:, 0] == 0).all() and (terms[:2, 1] == 0).all()
    np.testing.assert_allclose(terms[:4, 0], terms[2:, 1], rtol=1e-12)


@pytest.mark.parametrize(
    "kind, sizes", [(RNN, (2, (3,))), pytest.param(VRAE, (2, 2, (3,)), marks=pytest.mark.slow)]
)
def test_whole_data_have_the_scores_of_before(kind, sizes, initialized, rng):
    sequences = [rng.standard_normal((n, 2)) for n in (4, 2)]
    whole, other = (initialized(kind, *sizes, emission="student_t", missing=m) for m in ("refuse", "zero"))
    inputs = ["observations", "mask", *(["noise"] if whole.has_latents else [])]
    noise = [rng.standard_normal((4, 1, 2))] if whole.has_latents else []
    one, two = (
        model.function(inputs, "objective")(sequences[0][:, None], np.ones((4, 1)), *noise)
        for model in (whole, other)
    )
    np.testing.assert_array_equal(one, two)


def test_an_indicator_tells_missing_from_zero(vosp, rng):
    recognise = vosp.function(["observations", "mask"], "recognition/mean")
    x, mask = np.zeros((3, 1, 2)), np.ones((3, 1))
    gap = x.copy()
    gap[1, 0, 0] = np.nan
    before, after = recognise(x, mask), recognise(gap, mask)
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[1] != after[1]).all()
    step = vosp.step(gap[0], None)
    step = vosp.step(gap[1], step.state)
    np.testing.assert_allclose(step.mean, after[1], rtol=1e-10)


@pytest.mark.slow
def test_tasks_take_what_is_missing(rnn, vosp, rng):
    sequences = [with_gaps(rng, (4, 2)), with_gaps(rng, (3, 2))]
    observed = [~np.isnan(x) for x in sequences]
    whole = RNN(2, (3,), emission="gaussian_shared")
    whole.parameters.data[...] = rnn.parameters.data
    for model in (rnn, vosp, whole):
        made = impute(model, sequences, None, np.random.default_rng(0), 3)
        by_mask = impute(model, sequences, observed, np.random.default_rng(0), 3)
        for x, known, one, other in zip(sequences, observed, made, by_mask, strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(one[known], x[known])
            assert np.isfinite(one).all()
        draws = impute_draws(model, sequences, None, rng, 2, 2)
        assert all(np.isfinite(array).all() for array in (*draws.draws, *draws.expectation))
    for model in (rnn, vosp):
        assert all(np.isfinite(mode).all() for mode in denoise(model, sequences))
        assert np.isfinite(outlier_scores(model, sequences, rng).sequences).all()
    message = r"sequences\[0\] must be finite, got nan at step \d, feature \d: if values are missing, make"
    for task in (lambda *a: denoise(*a[:2]), outlier_scores):
        with pytest.raises(ValueError, match=message):
            task(whole, sequences, rng)


def test_a_hidden_markov_model_sums_over_what_is_missing(rng):
    choices = {"missing": "zero"}
    partial, whole = HiddenMarkov(3, 2, **choices), HiddenMarkov(3, 2)
    partial.initialize(rng)
    whole.parameters.data[...] = partial.parameters.data
    x = rng.integers(0, 2, (4, 3)).astype(float)
    gaps = [(0, 1), (2, 0), (2, 1), (2, 2), (3, 2)]
    x[tuple(zip(*gaps, strict=True))] = np.nan
    every = np.repeat(x[:, None], 2 ** len(gaps), axis=1)
    for place, values in zip(gaps, np.array(list(product([0, 1], repeat=len(gaps)))).T, strict=True):
        every[place[0], :, place[1]] = values
    log_prob = whole.function(["observations", "mask"], "emission/log_prob")(every, np.ones(every.shape[:2]))
    expected = -np.log(np.exp(log_prob.sum(axis=0)).sum())
    assert negative_log_likelihood(partial, [x]).nats[0] == pytest.approx(expected, rel=1e-10)
    sequences = [np.where(rng.random((6, 3)) < 0.3, np.nan, rng.random((6, 3)) < 0.4) for _ in range(8)]
    settings = EMSettings(n_epochs=4, transition_count=0.01, emission_count=0.01, sharing=0.0)

    def validate(valid):
        return negative_log_likelihood(partial, valid).per_step

    history = fit_em(partial, sequences, sequences, settings, rng, validate, progress=False)
    assert (np.diff([entry["train_loss"] for entry in history.entries]) < 1e-3).all()


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: RNN(2, missing="mean"),
            "missing must be one of .*'indicator', 'refuse', 'zero'.* got 'mean'",
        ),
        (
            lambda: RNN(2, emission="nade", missing="zero"),
            "emission must be one whose missing entries can be",
        ),
        (lambda: HiddenMarkov(2, 2, missing="indicator"), r"missing must be one of \['refuse', 'zero'\]"),
    ],
)
def test_choices(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["zero", "indicator"])
def test_training_on_what_is_there_comes_near_to_training_on_all(missing):
    """And is far better than taking 0 for what is missing."""
    rng = np.random.default_rng(0)
    times = [np.arange(40) / 5 + 6 * rng.random() for _ in range(60)]
    whole = [np.sin(t[:, None] + [0.0, 1.0]) + 0.1 * rng.standard_normal((len(t), 2)) for t in times]
    gaps = [np.where(rng.random(x.shape) < 0.3, np.nan, x) for x in whole]
    settings = TrainingSettings(n_epochs=60)
    scores = {}
    for name, sequences, choice in (
        ("whole", whole, "refuse"),
        ("gaps", gaps, missing),
        ("filled", [np.nan_to_num(x) for x in gaps], "refuse"),
    ):
        model = VRAE(2, 2, (15,), emission="gaussian_shared", missing=choice)
        model.initialize(np.random.default_rng(1))
        train, valid = sequences[:40], sequences[40:50]
        fit(model, train, valid, settings, np.random.default_rng(2), progress=False)
        scores[name] = variational_bound(model, whole[50:], np.random.default_rng(3), 5).per_step
    assert scores["gaps"] < scores["filled"] - 0.3
    assert scores["gaps"] < scores["whole"] + 0.6


@pytest.mark.parametrize(
    "model, advice",
    [
        (lambda: VRAE(2, 2, (2,)), "missing='zero' or 'indicator' "),
        (lambda: HiddenMarkov(2, 2), "missing='zero' "),
        (lambda: FrameNADE(2, 2), "choose another model"),
    ],
)
def test_advice_is_what_the_model_can_do(model, advice):
    with pytest.raises(ValueError, match=f"got nan at step 0, feature 1: if values are missing, .*{advice}"):
        check_observations(model(), [np.array([[1.0, np.nan]])])
