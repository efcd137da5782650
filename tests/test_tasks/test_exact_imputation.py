"""What a hidden Markov model fills in, held against sums over all that could be missing."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit

from breze_like.estimators import negative_log_likelihood
from breze_like.models import HiddenMarkov
from breze_like.tasks import denoise, impute, impute_draws, outlier_scores, sample

N_VISIBLE, N_DRAWS = 2, 8000


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    model = HiddenMarkov(N_VISIBLE, 3)
    model.states.view("initial")[...] = rng.dirichlet(np.ones(3))
    model.states.view("transition")[...] = rng.dirichlet(np.ones(3), 3)
    model.emission.view("logits")[...] = 2 * rng.standard_normal((3, N_VISIBLE))
    return model


@pytest.fixture(scope="module")
def incomplete():
    rng = np.random.default_rng(1)
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)).astype(np.uint8) for n in (4, 2)]
    observed = [np.array([[1, 0], [0, 0], [1, 1], [0, 1]], bool), np.array([[0, 1], [1, 1]], bool)]
    return sequences, observed


@pytest.fixture(scope="module")
def drawn(model, incomplete):
    return impute_draws(model, *incomplete, np.random.default_rng(2), n_draws=N_DRAWS)


def completions(model, sequence, observed):
    """All ways to complete a sequence, and their probabilities given the observed entries."""
    ways = []
    for values in product((0, 1), repeat=(~observed).sum()):
        ways.append(sequence.copy())
        ways[-1][~observed] = values
    likelihood = np.exp(-negative_log_likelihood(model, ways).nats)
    return np.array(ways), likelihood / likelihood.sum()


def test_draws_are_exact(model, incomplete, drawn):
    for sequence, observed, draws, mean in zip(*incomplete, drawn.draws, drawn.expectation, strict=True):
        ways, probability = completions(model, sequence, observed)
        np.testing.assert_allclose(mean, np.tensordot(probability, ways, axes=1), rtol=1e-9)
        frequencies = [(draws == way).all(axis=(1, 2)).mean() for way in ways]
        np.testing.assert_allclose(frequencies, probability, atol=4 * np.sqrt(0.25 / N_DRAWS))
        np.testing.assert_array_equal(draws[:, observed], np.tile(sequence[observed], (N_DRAWS, 1)))
        assert draws.dtype == np.uint8


def test_draws_of_a_sequence_do_not_depend_on_others(model, incomplete, drawn):
    sequences, observed = incomplete
    alone = impute_draws(model, sequences[:1], observed[:1], np.random.default_rng(2), n_draws=5)
    assert len(alone.draws) == 1
    both = impute_draws(model, sequences, observed, np.random.default_rng(2), n_draws=5)
    np.testing.assert_array_equal(alone.draws[0], both.draws[0])


def test_modes_are_known_where_they_are_known(model, incomplete):
    sequences, observed = incomplete
    made = impute(model, sequences, observed, np.random.default_rng(3))
    p = expit(model.emission.view("logits"))
    for x, k, sequence in zip(made, observed, sequences, strict=True):
        np.testing.assert_array_equal(x[k], sequence[k])
        assert all(
            (frame[~k_t] == (p >= 0.5)[:, ~k_t]).all(axis=1).any() for frame, k_t in zip(x, k, strict=True)
        )
    nothing_known = [np.zeros_like(k) for k in observed]
    others = impute(model, [1 - s for s in sequences], nothing_known, np.random.default_rng(3))
    for x, y in zip(others, impute(model, sequences, nothing_known, np.random.default_rng(4)), strict=True):
        np.testing.assert_array_equal(x, y)


def test_other_tasks(model, incomplete):
    sequences, _ = incomplete
    p = expit(model.emission.view("logits"))
    for x in denoise(model, sequences):
        assert all((frame == (p >= 0.5)).all(axis=1).any() for frame in x)
    for x, sequence in zip(denoise(model, sequences, p_on=0.1), sequences, strict=True):
        assert (x <= sequence).all()
    scores = outlier_scores(model, sequences, np.random.default_rng(5))
    nll = negative_log_likelihood(model, sequences).nats
    np.testing.assert_allclose([steps.sum() for steps in scores.steps], nll)
    drawn = sample(model, np.random.default_rng(6), 4, 3, sequences[0])
    assert [x.shape for x in drawn] == [(4, N_VISIBLE)] * 3
