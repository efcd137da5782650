from functools import partial

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.distributions import GaussianProcess
from breze_like.models import RNN, VOSP, VRAE
from breze_like.models.emissions import FixedVarianceEmission
from breze_like.tasks import denoise, sample


def smooth(model_class, *sizes):
    prior = GaussianProcess(lambda t, r: pt.exp(-((t - r) ** 2) / 8) + 0.1 * pt.eq(t, r))
    model = model_class(2, 1, *sizes, prior=prior)
    model.parameters.data[...] = np.random.default_rng(0).standard_normal(model.parameters.size)
    return model


def test_draws_of_all_models(model):
    drawn = sample(model, np.random.default_rng(1), 6, 3)
    assert [x.shape for x in drawn] == [(6, 3)] * 3
    if model.emission.binary:
        assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn, sample(model, np.random.default_rng(1), 6, 3))
    assert any(
        (x != y).any() for x, y in zip(drawn, sample(model, np.random.default_rng(2), 6, 3), strict=True)
    )
    assert [x.shape for x in sample(model, np.random.default_rng(1), 4)] == [(4, 3)]


def test_cold_draws_are_modes_and_hot_ones_are_coins(make):
    """Each frame of a cold draw is the most probable one after those before it."""
    model = make("rnn")
    cold = sample(model, np.random.default_rng(1), 6, temperature=1e-9)
    np.testing.assert_array_equal(cold, denoise(model, cold))
    hot = sample(model, np.random.default_rng(1), 2, 2000, temperature=1e9)
    np.testing.assert_allclose(np.mean(hot, axis=0), 0.5, atol=5 * 0.5 / np.sqrt(2000))


def test_temperature_multiplies_a_variance():
    model = RNN(2, (2,), emission=partial(FixedVarianceEmission, variance=0.5))
    drawn = sample(model, np.random.default_rng(1), 1, 4000, temperature=4.0)  # around 0: no weights
    np.testing.assert_allclose(np.var(drawn, axis=0), 2.0, rtol=5 * np.sqrt(2 / 4000))


def test_temperature_leaves_the_latents_alone(make):
    """Of a VRAE and of a VOSP: towards 0, frames are modes given latents that still differ."""
    for name in ("vrae", "vosp"):
        cold = sample(make(name), np.random.default_rng(1), 6, 50, temperature=1e-9)
        colder = sample(make(name), np.random.default_rng(1), 6, 50, temperature=1e-12)
        np.testing.assert_array_equal(cold, colder)
        assert any((x != cold[0]).any() for x in cold)


@pytest.mark.parametrize("name", ["rnn", "vosp"])
def test_draws_go_on_with_a_prefix(name, make):
    """Each column as if the model were given it alone; what is new only; the prefix makes a difference."""
    model, rng = make(name), partial(np.random.default_rng, 1)
    drawn = sample(model, rng(), 4, 50, np.ones((2, 3)))
    columns = model.sample(rng(), 4, 50, np.ones((2, 50, 3)))
    np.testing.assert_array_equal(drawn, np.swapaxes(columns, 0, 1))
    zeros = sample(model, rng(), 4, 50, np.zeros((2, 3)))
    assert any((x != y).any() for x, y in zip(drawn, zeros, strict=True))
    np.testing.assert_array_equal(sample(model, rng(), 4, 50), model_goes_on_with_nothing(model, rng()))


def model_goes_on_with_nothing(model, rng):
    return np.swapaxes(model.sample(rng, 4, 50, np.zeros((0, 50, 3))), 0, 1)


@pytest.mark.parametrize("name", ["rnn", "vosp"])
def test_prefixes_have_any_lengths(name, make):
    """After a long cold prefix of ones a cold draw is what it is alone, whichever stand beside it."""
    model, rng = make(name), partial(np.random.default_rng, 1)
    prefixes = [np.ones((5, 3)), np.zeros((2, 3)), np.ones((2, 3)), np.ones((5, 3))]
    drawn = sample(model, rng(), 4, 2, prefixes)
    assert [x.shape for x in drawn] == [(4, 3)] * 8
    short = model.sample(generator := rng(), 4, 4, np.repeat(np.stack(prefixes[1:3], axis=1), 2, axis=1))
    long = model.sample(generator, 4, 4, np.ones((5, 4, 3)))
    expected = [*long.swapaxes(0, 1)[:2], *short.swapaxes(0, 1), *long.swapaxes(0, 1)[2:]]
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.slow
def test_latents_of_any_prior():
    for model in (smooth(VRAE, (2,)), smooth(VOSP, (2,), (2,))):
        assert np.shape(sample(model, np.random.default_rng(1), 5, 4)) == (4, 5, 2)
    with pytest.raises(ValueError, match="prior must be a MarkovProcess, .*, got GaussianProcess"):
        sample(model, np.random.default_rng(1), 5, 4, np.zeros((2, 2)))


@pytest.mark.parametrize(
    "name, choices, message",
    [
        ("vrae", dict(prefix=np.zeros((2, 3))), "prefix must be None for a VRAE, .*: see impute_draws"),
        (
            "rnn",
            dict(prefix=np.zeros((2, 4, 3))),
            r"prefix must .* a list of such arrays, got shape \(2, 4, 3\)",
        ),
        ("rnn", dict(prefix=np.zeros((2, 4))), r"prefix\[0\] must have 3 features, got 4"),
        ("rnn", dict(prefix=[]), "prefix must hold at least one sequence, got none"),
        ("rnn", dict(prefix=[np.zeros(3)]), r"prefix\[0\] must be 2-D, .*, got shape \(3,\)"),
        (
            "rnn",
            dict(prefix=np.zeros((2, 3)), n_sequences=0),
            "n_sequences must be a positive integer, got 0",
        ),
        ("vosp", dict(prefix=np.full((2, 3), 0.5)), r"prefix\[0\] must be 0 or 1, got 0.5 at step 0"),
        ("rnn", dict(temperature=1e-300), "temperature must be from 1e-12 to 1e12, got 1e-300"),
        ("vosp", dict(temperature=0.0), "temperature must be from 1e-12 to 1e12, got 0.0"),
        ("vrae", dict(temperature=-1), "temperature must be from 1e-12 to 1e12, got -1"),
        ("rnn", dict(temperature="warm"), "temperature must be from 1e-12 to 1e12, got 'warm'"),
        ("rnn", dict(temperature=np.inf), "temperature must be from 1e-12 to 1e12, got inf"),
        ("vrae", dict(n_sequences=0), "n_sequences must be a positive integer, got 0"),
        ("rnn", dict(n_steps=10**11), "n_steps must be at most 715827882, .*, got 100000000000"),
        ("rnn", dict(n_steps=1.5), "n_steps must be a positive integer, got 1.5"),
    ],
)
def test_bad_arguments(name, choices, message, make, rng):
    with pytest.raises(ValueError, match=message):
        sample(make(name), rng, **{"n_steps": 2, **choices})


@pytest.mark.parametrize("name", ["rnn", "vosp"])
def test_a_seed_is_no_generator(name, make):
    with pytest.raises(ValueError, match="rng must be a generator, .*, got 0"):
        sample(make(name), 0, n_steps=2)


def test_a_prefix_of_one_feature_may_be_1d(rng):
    model = RNN(1, (2,), emission="gaussian_fixed")
    model.initialize(rng)
    assert [x.shape for x in sample(model, rng, 3, prefix=np.zeros(4))] == [(3, 1)]


@pytest.mark.parametrize("model", [None, RNN])
def test_what_is_no_model(model, rng):
    with pytest.raises(ValueError, match="model must be a model, such as"):
        sample(model, rng, 3)
