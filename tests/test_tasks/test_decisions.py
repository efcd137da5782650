"""One answer from probabilities, beside the best of all answers."""

from itertools import product

import numpy as np
import pytest

from breze_like.tasks.decisions import likely_ones

N = 9
EVERY = np.array(list(product([False, True], repeat=N)))


def expected_f1(p):
    """Of each of all answers, over all truths of independent entries; where there are no ones at all, 1."""
    weights = np.prod(np.where(EVERY, p, 1 - p), axis=1)
    hits, sizes = EVERY.astype(float) @ EVERY.T, EVERY.sum(axis=1)
    total = sizes[:, None] + sizes
    return np.where(total == 0, 1, 2 * hits / np.maximum(total, 1)) @ weights


@pytest.mark.parametrize("scale", [0.02, 0.2, 0.5, 1.0])
def test_hardly_an_answer_has_a_larger_f1(scale, rng):
    for _ in range(20):
        p = scale * rng.random(N)
        scores = expected_f1(p)
        (own,) = np.flatnonzero((likely_ones(p) == EVERY).all(axis=1))
        assert scores[own] > scores.max() - 0.04


def test_rare_ones_are_found():
    """No entry is more probable to be 1 than to be 0: the mode is silence."""
    p = np.array([0.4, 0.3, 0.4, 0.01, 0.02])
    np.testing.assert_array_equal(likely_ones(p), [True, True, True, False, False])


def test_certain_ones_are_taken_alone():
    np.testing.assert_array_equal(likely_ones(np.array([0.0, 1.0, 0.001, 1.0])), [False, True, False, True])


@pytest.mark.parametrize("p", [[], [0.0, 0.0], [0.01, 0.001]])
def test_there_may_be_none(p):
    assert not likely_ones(np.array(p)).any()
