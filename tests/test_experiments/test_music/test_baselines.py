import numpy as np
import pytest

from experiments.music.baselines import LastKnown, Marginals, last_known


@pytest.fixture
def train():
    return [np.array([[1, 0], [1, 0], [0, 1], [1, 0]]), np.array([[1, 1], [1, 0]]), np.array([[0, 0]])]


def test_marginals(train):
    marginals = Marginals(train)
    p = np.array([6 / 9, 3 / 9])  # (5 + 1) / (7 + 2) and (2 + 1) / (7 + 2)
    observed = np.array([[True, False], [False, True]])
    (expected,) = marginals.expect([np.array([[0, 1], [1, 0]])], [observed])
    np.testing.assert_allclose(expected, [[0, p[1]], [p[0], 0]])


@pytest.mark.parametrize("p_on, kept", [(0.05, [1, 1]), (0.6, [1, 0]), (0.99, [1, 0])])
def test_denoising_by_marginals(train, p_on, kept):
    """Bayes' rule, key by key."""
    p = np.array([6 / 9, 3 / 9])
    np.testing.assert_array_equal(p / (p + p_on * (1 - p)) >= 0.5, kept)
    (made,) = Marginals(train).denoise([np.array([[1, 1], [0, 1], [0, 0]])], p_on)
    np.testing.assert_array_equal(made, np.array([[1, 1], [0, 1], [0, 0]]) * kept)


def test_last_known_entries():
    x = np.array([[5, 6], [7, 8], [9, 1]])
    observed = np.array([[True, False], [False, True], [False, False]])
    values, distances = last_known(x, observed)
    assert values.tolist() == [[5, 0], [5, 8], [5, 8]]
    assert distances.tolist() == [[0, 0], [1, 0], [2, 1]]
    assert LastKnown.copy([x], [observed])[0].tolist() == values.tolist()


def test_probabilities_given_the_last_known_entry(train):
    """By hand: the first key is on after 2 of 3 frames with it on, and after 1 of 1 with it off."""
    p = np.array([6 / 9, 3 / 9])
    last = LastKnown(train, 2)
    x, missing = np.array([[1, 0], [0, 0], [0, 0], [0, 0]]), np.zeros((4, 2), bool)
    missing[0] = True
    (expected,) = last.expect([x], [missing])
    assert expected[0].tolist() == [1, 0]
    np.testing.assert_allclose(expected[1], [(2 + p[0]) / (3 + 1), (1 + p[1]) / (2 + 1)])
    # Two steps later: of the first key, 1 -> 0 and 1 -> 1; of the second one, 0 -> 1 and 0 -> 0.
    np.testing.assert_allclose(expected[2], [(1 + p[0]) / (2 + 1), (1 + p[1]) / (2 + 1)])
    np.testing.assert_allclose(expected[3], expected[2])
    (nothing,) = last.expect([x], [np.zeros_like(missing)])
    np.testing.assert_allclose(nothing, np.tile(p, (4, 1)))


def test_distances_that_no_sequence_has(train):
    x, observed = np.zeros((9, 2), int), np.zeros((9, 2), bool)
    observed[0] = True
    (expected,) = LastKnown(train, 8).expect([x], [observed])
    np.testing.assert_allclose(expected[8], [6 / 9, 3 / 9])
