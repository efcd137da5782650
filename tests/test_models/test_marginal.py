import numpy as np
import pytest
from scipy.stats import bernoulli

from breze_like.data import load
from breze_like.estimators import Score
from breze_like.models import IndependentBernoulli

TRAINING = [np.array([[1, 0, 1], [0, 0, 1]]), np.array([[1, 0, 1]])]


def test_probabilities_count_one_more_on_and_one_more_off():
    np.testing.assert_allclose(IndependentBernoulli(TRAINING).probability, [3 / 5, 1 / 5, 4 / 5])


@pytest.mark.parametrize("dtype", [np.uint8, bool, float])
def test_log_prob(dtype, rng):
    model = IndependentBernoulli([s.astype(dtype) for s in TRAINING])
    sequence = rng.integers(0, 2, (5, 3))
    expected = bernoulli.logpmf(sequence, [3 / 5, 1 / 5, 4 / 5]).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(sequence.astype(dtype)), expected)


@pytest.mark.parametrize(
    ("name", "nats"),
    [("jsb_chorales", 11.06), ("nottingham", 10.25), ("piano_midi", 11.05), ("musedata", 11.51)],
)
def test_the_floor_of_the_standard_sets(name, nats, standard_data):
    """What the literature's scores are held against: all frames of the test set, the first ones, too."""
    dataset = load(name, standard_data)
    model = IndependentBernoulli(dataset.train)
    score = Score(
        np.array([-model.log_prob(sequence).sum() for sequence in dataset.test]),
        np.array([len(sequence) for sequence in dataset.test]),
    )
    assert round(score.per_step, 2) == nats
