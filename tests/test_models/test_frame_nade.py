"""Held against loops over all frames and keys."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chisquare

from breze_like.data import pad
from breze_like.estimators import negative_log_likelihood
from breze_like.initialize import Initialization
from breze_like.models import FrameNADE

N_VISIBLE, N_HIDDEN = 3, 4
OUTPUTS = ["emission/log_prob", "objective", "emission/mean", "denoised", "loss", "gradient"]


@pytest.fixture(scope="module")
def model():
    model = FrameNADE(N_VISIBLE, N_HIDDEN)
    model.parameters.data[...] = 1.5 * np.random.default_rng(0).standard_normal(model.parameters.size)
    return model


@pytest.fixture(scope="module")
def every_frame():
    """All frames, side by side: (1, 8, 3)."""
    return np.array(list(product([0.0, 1.0], repeat=N_VISIBLE)))[None]


def by_hand(model, frame, temperature=1.0):
    """log p(frame), one key after the other."""
    w_in, w_out, b, c = (
        model.emission.view(n) for n in ("weights_in", "weights_out", "visible_bias", "hidden_bias")
    )
    log_prob = 0.0
    for i, value in enumerate(frame):
        hidden = expit(c + sum((frame[j] * w_in[j] for j in range(i)), np.zeros(N_HIDDEN)))
        p = expit((b[i] + w_out[i] @ hidden) / temperature)
        log_prob += np.log(p if value else 1 - p)
    return log_prob


def test_probabilities_of_all_frames_sum_to_one(model, evaluate, every_frame):
    log_prob = evaluate(every_frame, np.ones((1, 8)))["emission/log_prob"][0]
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(log_prob, [by_hand(model, frame) for frame in every_frame[0]], rtol=1e-10)
    assert log_prob.std() > 0.1


def test_frames_are_independent_of_each_other(model, evaluate, rng):
    """A padded batch scores as its frames do, wherever they stand."""
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 2)]
    x, mask = pad(sequences)
    found = evaluate(x, mask)
    expected = [sum(by_hand(model, frame) for frame in s) for s in sequences]
    np.testing.assert_allclose(found["objective"].sum(axis=0), -np.array(expected), rtol=1e-10)
    assert (found["objective"][mask == 0] == 0).all()
    assert found["loss"] == pytest.approx(-sum(expected) / 6, rel=1e-10)
    score = negative_log_likelihood(model, sequences)
    np.testing.assert_allclose(score.nats, -np.array(expected), rtol=1e-10)
    assert score.n_steps.tolist() == [3, 1, 2]
    for name in ("emission/mean", "denoised"):  # the same for all frames
        np.testing.assert_array_equal(found[name], np.broadcast_to(found[name][0, 0], found[name].shape))


def test_gradient(model, evaluate, rng):
    x, mask = pad([rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 2)])
    start, direction = model.parameters.data.copy(), rng.standard_normal(model.parameters.size)
    losses = []
    for step in (1e-5, -1e-5):
        model.parameters.data[...] = start + step * direction
        losses.append(evaluate(x, mask)["loss"])
    model.parameters.data[...] = start
    expected = (losses[0] - losses[1]) / 2e-5
    assert evaluate(x, mask)["gradient"] @ direction == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_have_the_probabilities(temperature, model, every_frame, rng):
    drawn = model.sample(rng, 50, 40, temperature=temperature)
    assert drawn.shape == (50, 40, N_VISIBLE)
    counts = np.bincount((drawn.reshape(-1, N_VISIBLE) @ [4, 2, 1]).astype(int), minlength=8)
    expected = 2000 * np.exp([by_hand(model, frame, temperature) for frame in every_frame[0]])
    assert chisquare(counts, expected).pvalue > 1e-3


def test_what_comes_before_changes_nothing(model):
    prefix = np.ones((4, 2, N_VISIBLE))
    alone, after = (model.sample(np.random.default_rng(0), 3, 2, p) for p in (None, prefix))
    np.testing.assert_array_equal(alone, after)


def test_starts_with_few_notes_on():
    model = FrameNADE(N_VISIBLE, N_HIDDEN)
    model.initialize(np.random.default_rng(0), Initialization(weight_scale=0.1))
    assert (model.emission.view("visible_bias") == -2.5).all()
    assert (model.emission.view("hidden_bias") == 0).all()
    assert model.emission.view("weights_in").any() and model.emission.view("weights_out").any()


@pytest.mark.parametrize("sizes", [(0, 2), (3, 0), (3, 2.5)])
def test_sizes_must_be_positive_integers(sizes):
    with pytest.raises(ValueError, match="must be a positive integer"):
        FrameNADE(*sizes)
