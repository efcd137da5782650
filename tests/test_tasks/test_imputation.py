from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare, kstest

from breze_like.models import RNN, FrameNADE
from breze_like.models.base import Model
from breze_like.models.emissions import MixtureEmission
from breze_like.tasks import impute, impute_draws
from breze_like.tasks.decisions import likely_ones

SOME = ["vosp", "real_rnn", pytest.param("vrae", marks=pytest.mark.slow)]


def frames(shape):
    observed = np.ones(shape, bool)
    observed[1:3] = False
    return observed


def key(shape):
    observed = np.ones(shape, bool)
    observed[:, 1] = False
    return observed


def cells(shape):
    return np.random.default_rng(3).random(shape) < 0.5


MASKS = {"frames": frames, "key": key, "cells": cells, "nothing": lambda shape: np.zeros(shape, bool)}


class Counting(Model):
    """Each round adds 1 to everything."""

    def __init__(self):
        super().__init__()
        self.n_visible, self.emission = 2, SimpleNamespace(binary=False)
        self.parameters.declare("none", (1,))
        self.inputs["given"] = pt.tensor3("given")
        self.expressions["given/mode"] = self.inputs["observations"] + 1


@pytest.mark.parametrize("n_rounds", [1, 4])
def test_missing_entries_start_uniform_and_go_through_all_rounds(n_rounds, rng):
    x, observed = np.zeros((1000, 2)), np.repeat([[True, False]], 1000, axis=0)
    (made,) = impute(Counting(), [x], [observed], rng, n_rounds)
    assert (made[:, 0] == 0).all()
    assert kstest(made[:, 1] - n_rounds, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", ["vrae", "vosp"])
@pytest.mark.parametrize("mask", MASKS)
def test_rounds_of_modes_agree_with_brute_force(name, mask, make, draw):
    """What a round makes of the one before: the most probable of all sequences, given the latents."""
    model = make(name)
    (x,) = draw(model, [4])
    observed = MASKS[mask](x.shape)
    every = np.array(list(product([0, 1], repeat=x.size))).reshape(-1, *x.shape).swapaxes(0, 1)
    ones = np.ones(every.shape[:2])
    recognise = model.function(["observations", "mask"], "recognition/mean")
    log_prob = model.function(["latents", "observations", "mask"], "emission/log_prob")
    rounds = [impute(model, [x], [observed], np.random.default_rng(1), n)[0] for n in (1, 2, 3)]
    for before, after in zip(rounds, rounds[1:], strict=False):
        z = recognise(before[:, None], ones[:, :1])
        # What of the past the emission of a VOSP sees is that of the round, so frame by frame.
        candidates = np.repeat(before[:, None], every.shape[1], axis=1)
        best = np.empty_like(x)
        for t in range(len(x)):
            columns = candidates.copy()
            columns[t] = every[t]
            latents = np.repeat(z, every.shape[1], axis=1)
            best[t] = every[t, log_prob(latents, columns, ones)[t].argmax()]
        np.testing.assert_array_equal(after, np.where(observed, x, best))


def test_rounds_of_a_one_step_model_agree_with_enumeration(make, draw):
    """In the end, each missing frame is the most probable one after those before it."""
    model = make("rnn")
    (x,) = draw(model, [6])
    observed = frames(x.shape)
    (made,) = impute(model, [x], [observed], np.random.default_rng(1), 2)
    log_prob = model.function(["observations", "mask"], "emission/log_prob")
    every_frame = np.array(list(product([0, 1], repeat=3)))
    expected = x.copy()
    for t in (1, 2):
        columns = np.repeat(expected[:, None], 8, axis=1)
        columns[t] = every_frame
        expected[t] = every_frame[log_prob(columns, np.ones((6, 8)))[t].argmax()]
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("mask", MASKS)
def test_known_entries_are_never_touched(model, mask, draw):
    sequences = draw(model)
    observed = [MASKS[mask](s.shape) for s in sequences]
    made = impute(model, sequences, observed, np.random.default_rng(1), 3)
    draws = impute_draws(model, sequences, observed, np.random.default_rng(1), 3, 4)
    assert any((variance[~k] > 0).any() for variance, k in zip(draws.variance, observed, strict=True))
    for i, (x, k) in enumerate(zip(sequences, observed, strict=True)):
        assert made[i].dtype == draws.draws[i].dtype == x.dtype
        assert made[i][k].tobytes() == x[k].tobytes()
        assert (made[i][~k] != x[~k]).any() or model.emission.binary
        for d in draws.draws[i]:
            assert d[k].tobytes() == x[k].tobytes()
        assert (draws.variance[i][k] == 0).all()
        np.testing.assert_array_equal(draws.expectation[i][k], x[k])
        np.testing.assert_allclose(draws.mean[i], draws.draws[i].mean(axis=0))
        if model.emission.binary:
            assert set(np.unique(made[i])) | set(np.unique(draws.draws[i])) <= {0, 1}


@settings(max_examples=30, deadline=None)
@given(observed=arrays(bool, (4, 3)), seed=st.integers(0, 99))
def test_any_mask(make, observed, seed):
    x = np.random.default_rng(seed).integers(0, 2, (4, 3))
    (made,) = impute(make("vrae"), [x], [observed], np.random.default_rng(seed), 2)
    np.testing.assert_array_equal(made[observed], x[observed])


@pytest.mark.parametrize("name", SOME)
def test_if_all_is_known_the_input_comes_back(name, make, draw):
    model = make(name)
    sequences = draw(model)
    observed = [np.ones(s.shape, bool) for s in sequences]
    draws = impute_draws(model, sequences, observed, np.random.default_rng(1), 2, 3)
    made = impute(model, sequences, observed, np.random.default_rng(1), 2)
    for i, x in enumerate(sequences):
        np.testing.assert_array_equal(made[i], x)
        np.testing.assert_array_equal(draws.draws[i], [x, x, x])


@pytest.mark.parametrize("name", SOME)
def test_deterministic_and_the_same_alone_and_among_others(name, make, draw):
    model = make(name)
    sequences = draw(model)
    observed = [cells(s.shape) for s in sequences]

    def run(sequences, observed, rng):
        draws = impute_draws(model, sequences, observed, rng, 3, 4)
        return [*zip(impute(model, sequences, observed, rng, 3), draws.draws, draws.expectation, strict=True)]

    together = run(sequences, observed, np.random.default_rng(1))
    again = run(sequences, observed, np.random.default_rng(1))
    other = run(sequences, observed, np.random.default_rng(2))
    for a, b in zip(together, again, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    assert any((a[1] != b[1]).any() for a, b in zip(together, other, strict=True))
    modes_rng, draws_rng = np.random.default_rng(1), np.random.default_rng(1)
    for x, k in zip(sequences, observed, strict=True):
        modes = impute(model, [x], [k], modes_rng, 3)[0]
        draws = impute_draws(model, [x], [k], draws_rng, 3, 4)
        i = next(i for i, s in enumerate(sequences) if s is x)
        whole = impute(model, sequences, observed, np.random.default_rng(1), 3)[i]
        np.testing.assert_allclose(modes, whole, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(draws.draws[0], together[i][1], rtol=1e-9, atol=1e-12)


def test_draws_of_a_one_step_model_have_its_probabilities(make, draw, rng):
    """Of the last two frames given the first two: all 64 pairs, and the expectations."""
    model, n = make("rnn"), 20_000
    (x,) = draw(model, [4])
    observed = np.ones(x.shape, bool)
    observed[2:] = False
    every = np.repeat(x[:, None], 64, axis=1)
    every[2:] = np.array(list(product([0, 1], repeat=6))).reshape(64, 2, 3).swapaxes(0, 1)
    log_prob = model.function(["observations", "mask"], "emission/log_prob")(every, np.ones((4, 64)))
    p = np.exp(log_prob[2:].sum(axis=0))
    draws = impute_draws(model, [x], [observed], rng, 2, n)
    numbers = draws.draws[0][:, 2:].reshape(n, 6) @ 2 ** np.arange(6)[::-1]
    assert chisquare(np.bincount(numbers, minlength=64), n * p).pvalue > 1e-3
    expected = np.tensordot(p, every[2:], axes=(0, 1))
    np.testing.assert_allclose(draws.expectation[0][2:], expected, atol=5 * np.sqrt(0.25 / n))
    np.testing.assert_allclose(draws.mean[0][2:], expected, atol=5 * np.sqrt(0.25 / n))


def test_one_answer_from_draws(make, draw, rng):
    """Its entries are of the sequence's type, those that are observed are its own."""
    rolls, model = make("rnn"), make("rnn")
    (x,) = draw(model, [6])
    observed = rng.random(x.shape) < 0.5
    draws = impute_draws(rolls, [x.astype(np.uint8)], [observed], rng, 6, 40)
    (made,) = draws.completed
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[observed], x[observed])
    np.testing.assert_array_equal(made[~observed], likely_ones(draws.expectation[0][~observed]))


def test_one_answer_of_real_values_is_their_mean(conjugate, rng):
    x = np.array([[1.5, np.nan], [np.nan, -0.5]])
    draws = impute_draws(conjugate, [x], None, rng, 4, 5)
    np.testing.assert_array_equal(draws.completed[0], draws.expectation[0])


@pytest.mark.parametrize(
    "choices",
    [{}, {"missing": "zero"}, {"missing": "zero", "standardization": {"mean": [0, 0], "variance": [1, 1]}}],
)
def test_the_observed_entries_of_a_frame_tell_of_its_missing_ones(choices, rng):
    """By the weights of a mixture whose components are near (2, 2) and (-2, -2)."""
    model = RNN(2, (3,), emission=partial(MixtureEmission, n_components=2), **choices)
    model.initialize(rng)
    for name, view in model.parameters.views().items():
        if name.startswith("generative/emission"):
            view[...] = 0
    bias = model.parameters.view("generative/emission/output/bias")
    bias[2:6], bias[6:] = [2, 2, -2, -2], -4  # means, and raw variances
    x = np.array([[2.1, np.nan], [np.nan, -1.9], [-2.0, np.nan]])
    (completed,) = impute_draws(model, [x], None, rng, 3, 30).completed
    np.testing.assert_allclose(completed[np.isnan(x)], [2, -2, -2], atol=0.1)
    (modes,) = impute(model, [x], None, rng, 3)
    np.testing.assert_allclose(modes[np.isnan(x)], [2, -2, -2], atol=1e-6)


def test_keys_of_a_nade_follow_from_the_observed_ones_before_them(rng):
    """A key that is a copy of the first one; and one that nothing is known of, half of whose draws are 1."""
    model = FrameNADE(3, 1)
    model.parameters.data[:] = 0
    views = model.parameters.views()
    views["emission/weights_in"][0], views["emission/hidden_bias"][:] = 40, -20
    views["emission/weights_out"][1], views["emission/visible_bias"][1] = 40, -20
    x = rng.integers(0, 2, (50, 3)).astype(float)
    observed = np.tile([True, False, False], (50, 1))
    draws = impute_draws(model, [x], [observed], rng, 2, 400)
    np.testing.assert_array_equal(draws.draws[0][:, :, 1], np.tile(x[:, 0], (400, 1)))
    np.testing.assert_array_equal(draws.completed[0][:, 1], x[:, 0])
    np.testing.assert_allclose(draws.expectation[0][:, 2], 0.5, atol=5 * 0.5 / 20)


def test_draws_converge_to_the_conditional_distribution(conjugate, rng):
    """With the exact posterior: x_2 given x_1, and x that is missing altogether."""
    x, n = np.array([[1.5, np.nan], [np.nan, -0.5], [np.nan, np.nan]]), 4000
    draws = impute_draws(conjugate, [x], [~np.isnan(x)], rng, 40, n)
    covariance = conjugate.covariance
    ratio = covariance[0, 1] / np.diag(covariance)
    mean = [[1.5, ratio[0] * 1.5], [ratio[1] * -0.5, -0.5], [0, 0]]
    given = np.diag(covariance) - ratio[::-1] * covariance[0, 1]
    variance = [[0, given[1]], [given[0], 0], np.diag(covariance)]
    np.testing.assert_allclose(draws.mean[0], mean, atol=5 * np.sqrt(2.1 / n))
    np.testing.assert_allclose(draws.expectation[0], mean, atol=5 * np.sqrt(2.1 / n))
    np.testing.assert_allclose(draws.variance[0], variance, rtol=5 * np.sqrt(2 / n))


def test_precision_of_known_entries():
    """In single precision, observed entries keep the double one they came in, and integers stay whole."""
    with pytensor.config.change_flags(floatX="float32"):
        model = RNN(2, (2,), emission="gaussian_shared")
        model.parameters.data[...] = 0.3
        x, observed = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[True, False], [True, True]])
        (made,) = impute(model, [x], [observed], np.random.default_rng(1), 2)
        (whole,) = impute(model, [np.array([[1, 2], [3, 4]])], [observed], np.random.default_rng(1), 2)
    assert made.dtype == np.float64
    assert made[observed].tobytes() == x[observed].tobytes()
    np.testing.assert_array_equal(whole[observed], [1, 3, 4])
    assert whole[0, 1] % 1 != 0


KNOWN = np.ones((2, 3), bool)


@pytest.mark.parametrize(
    "observed, choices, message",
    [
        ([], {}, "observed must have one mask for each of the 1 sequences, got 0"),
        (
            [KNOWN[:1]],
            {},
            r"observed\[0\] must be bool of the sequence's shape \(2, 3\), got bool of shape \(1, 3\)",
        ),
        ([KNOWN.astype(int)], {}, r"observed\[0\] must be bool .*, got int64 of shape \(2, 3\)"),
        ([KNOWN], dict(n_rounds=0), "n_rounds must be a positive integer, got 0"),
        ([KNOWN], dict(n_rounds=1.5), "n_rounds must be a positive integer, got 1.5"),
    ],
)
@pytest.mark.parametrize("function", [impute, impute_draws])
def test_bad_arguments(function, observed, choices, message, make, rng):
    with pytest.raises(ValueError, match=message):
        function(make("rnn"), [np.zeros((2, 3))], observed, rng, **choices)


def test_known_entries_must_be_what_the_model_emits(make, rng):
    x = np.array([[np.nan, 0.5, 1.0]])
    with pytest.raises(ValueError, match=r"sequences\[0\] must be 0 or 1, got 0.5 at step 0, feature 1"):
        impute(make("rnn"), [x], [np.array([[False, True, True]])], rng)
    with pytest.raises(ValueError, match="n_draws must be a positive integer, got 0"):
        impute_draws(make("rnn"), [x], [np.zeros((1, 3), bool)], rng, 1, 0)


def test_sequences_of_one_feature_may_be_1d(rng):
    model = RNN(1, (2,), emission="gaussian_fixed")
    model.initialize(rng)
    flat = [rng.standard_normal(n) for n in (4, 3)]
    gaps = [np.arange(len(x)) != 1 for x in flat]
    for observed in (gaps, [o[:, None] for o in gaps]):
        made = impute(model, flat, observed, rng)
        assert [x.shape for x in made] == [(4, 1), (3, 1)]
        for x, true, o in zip(made, flat, gaps, strict=True):
            np.testing.assert_array_equal(x[o, 0], true[o])
    drawn = impute_draws(model, [np.where(o, x, np.nan) for x, o in zip(flat, gaps, strict=True)], None, rng)
    np.testing.assert_array_equal(drawn.completed[1][[0, 2], 0], flat[1][[0, 2]])


@pytest.mark.parametrize(
    "sequences, observed, message",
    [
        (None, None, "sequences must be a list of sequences, got NoneType"),
        ([np.array([["a"]])], None, r"sequences\[0\] must be real numbers, got data type <U1"),
        ([np.array([[None]])], None, r"sequences\[0\] must be real numbers, got data type object"),
        ([np.zeros((2, 1))], 3, "observed must be a list of sequences, got int"),
    ],
)
def test_other_things_are_refused(sequences, observed, message, rng):
    with pytest.raises(ValueError, match=message):
        impute(RNN(1, (2,), emission="gaussian_fixed"), sequences, observed, rng)
