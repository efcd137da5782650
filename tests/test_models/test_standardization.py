"""Models that standardise, against models of the standardised data, and against a density that is known."""

from functools import partial

import numpy as np
import pytensor
import pytest
from scipy.stats import norm

from breze_like.estimators import importance_sampled_nll, negative_log_likelihood, variational_bound
from breze_like.models import RNN, VOSP, VRAE, Standardization
from breze_like.models.emissions import FixedVarianceEmission, MixtureEmission
from breze_like.tasks import denoise, impute, impute_draws, sample

MEAN, VARIANCE = np.array([100.0, -0.02]), np.array([400.0, 1e-4])
UNITS = {"mean": MEAN.tolist(), "variance": VARIANCE.tolist()}


def standardized(x):
    return (x - MEAN) / np.sqrt(VARIANCE)


@pytest.fixture
def sequences(rng):
    drawn = [MEAN + np.sqrt(VARIANCE) * rng.standard_normal((n, 2)) for n in (5, 3)]
    drawn[0][1, 0] = drawn[1][2] = np.nan
    return drawn


def pair(kind, *sizes, **choices):
    """A model with a standardisation and the same one without."""
    models = [kind(*sizes, missing="zero", standardization=s, **choices) for s in (UNITS, None)]
    values = 0.5 * np.random.default_rng(1).standard_normal(models[0].parameters.size)
    for model in models:
        model.parameters.data[...] = values
    return models


@pytest.fixture(scope="module")
def rnns():
    return pair(RNN, 2, (3,), emission=partial(MixtureEmission, n_components=2))


@pytest.fixture(scope="module")
def vosps():
    return pair(VOSP, 2, 2, (3,), (3,), prior="white", emission="gaussian_shared")


def jacobian(sequences):
    """Nats by which the density of standardised values is larger."""
    return np.array([(~np.isnan(x) @ np.log(VARIANCE) / 2).sum() for x in sequences])


def test_a_density_that_is_known(sequences):
    """With all weights 0, it is the normal one of these moments."""
    model = RNN(2, (2,), emission=FixedVarianceEmission, missing="zero", standardization=UNITS)
    expected = [-np.nansum(norm.logpdf(x, MEAN, np.sqrt(VARIANCE))) for x in sequences]
    np.testing.assert_allclose(negative_log_likelihood(model, sequences).nats, expected, rtol=1e-10)


@pytest.mark.slow
def test_scores_of_latents_are_in_the_units_of_the_data(vosps, sequences):
    inner = [standardized(x) for x in sequences]
    for score in (partial(variational_bound, n_draws=2), partial(importance_sampled_nll, n_draws=3)):
        ours, theirs = (
            score(m, s, np.random.default_rng(0)) for m, s in zip(vosps, (sequences, inner), strict=True)
        )
        np.testing.assert_allclose(ours.nats, theirs.nats + jacobian(sequences), rtol=1e-9)


def test_scores_are_in_the_units_of_the_data(rnns, sequences):
    inner = [standardized(x) for x in sequences]
    ours, theirs = (negative_log_likelihood(m, s).nats for m, s in zip(rnns, (sequences, inner), strict=True))
    np.testing.assert_allclose(ours, theirs + jacobian(sequences), rtol=1e-9)


@pytest.mark.slow
def test_results_are_in_the_units_of_the_data(rnns, vosps, sequences):
    inner = [standardized(x) for x in sequences]
    for ours, theirs in (rnns, vosps):
        for task in (
            lambda m, x: denoise(m, x),
            lambda m, x: impute(m, x, None, np.random.default_rng(0), 2),
            lambda m, x: impute_draws(m, x, None, np.random.default_rng(0), 2, 2).expectation,
            lambda m, x: sample(m, np.random.default_rng(0), 4),
            lambda m, x: sample(m, np.random.default_rng(0), 4, 1, x[0][:1], 0.5),
        ):
            for one, other in zip(task(ours, sequences), task(theirs, inner), strict=True):
                np.testing.assert_allclose(standardized(one), other, rtol=1e-7, atol=1e-9)


def test_entries_that_are_to_be_filled_in_start_in_these_units(sequences):
    ours, theirs = (RNN(2, (2,), emission="gaussian_shared", standardization=s) for s in (UNITS, None))
    for model in (ours, theirs):
        model.parameters.data[...] = 0.3
    rngs = np.random.default_rng(0), np.random.default_rng(0)
    one = impute(ours, sequences, None, rngs[0], 1)[0]
    other = impute(theirs, [standardized(x) for x in sequences], None, rngs[1], 1)[0]
    np.testing.assert_allclose(standardized(one), other, rtol=1e-9)


def test_moments_of_training_sequences(rng):
    x = rng.standard_normal((50, 4)) * [1, 5, 0, 1] + [0, 3, 0.1, 0]
    x[rng.random((50, 4)) < 0.3] = np.nan
    x[:, 3] = np.nan
    units = Standardization.of([x[:20], x[20:]])
    np.testing.assert_allclose(units.mean, [*np.nanmean(x[:, :3], axis=0), 0], rtol=1e-12)
    np.testing.assert_allclose(units.variance, [*np.nanvar(x[:, :2], axis=0), 1, 1], rtol=1e-12)
    again = Standardization(**units.arguments)
    assert again.arguments == units.arguments
    assert Standardization.of([x[:, 0]]).arguments == Standardization.of([x[:, :1]]).arguments


def test_single_precision_stays():
    with pytensor.config.change_flags(floatX="float32"):
        model = VRAE(2, 2, (2,), emission="student_t", missing="indicator", standardization=UNITS)
        assert {v.dtype for v in model.expressions.values()} == {"float32"}


@pytest.mark.parametrize(
    "choices, message",
    [
        ({}, "for binary observations, got BernoulliEmission .in experiments.train, leave out --standardize"),
        (
            {"standardization": {"mean": [0.0], "variance": [1.0]}},
            "standardization must have 2 features",
        ),
        (
            {"standardization": {"mean": [0.0, 0.0], "variance": [1.0, 0.0]}},
            "must be finite, and the variance pos",
        ),
        (
            {"standardization": {"mean": [0.0], "variance": [1.0, 2.0]}},
            "must have one number for each feature",
        ),
        (
            {"standardization": True},
            "standardization must be None, a Standardization or its mean and variance",
        ),
    ],
)
def test_rejects(choices, message):
    emission = {"emission": "gaussian_shared"} if choices else {}
    with pytest.raises(ValueError, match=message):
        RNN(2, (2,), **{"standardization": UNITS, **emission, **choices})


@pytest.mark.parametrize(
    "sequences, message",
    [
        ([], "sequences must hold at least one sequence, got none"),
        ([np.zeros((3, 2, 1))], r"sequences\[0\] must be 2-D"),
        ([np.zeros((2, 1)), np.zeros((2, 3))], r"sequences\[1\] must have 1 features, got 3"),
    ],
)
def test_moments_of_other_things(sequences, message):
    with pytest.raises(ValueError, match=message):
        Standardization.of(sequences)


def test_moments_of_times(rng):
    """A standard deviation that is a ten-millionth of the mean is one; rounding errors of it are none."""
    times = [1.7e9 + np.cumsum(60 * rng.random((40, 1)), axis=0) for _ in range(10)]
    frames = np.concatenate(times)
    np.testing.assert_allclose(Standardization.of(times).variance, np.var(frames - 1.7e9), rtol=1e-9)
    assert Standardization.of([np.full((7, 1), 0.1)]).variance == [1.0]
