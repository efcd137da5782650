"""Runs whose latents are not used are told from others."""

import numpy as np
import pytest

from breze_like.data import Dataset
from experiments.paper import collapse

CONFIG = {"training": {"annealing_updates": 12}, "arguments": {"kl": "exact"}}
PUBLISHED = {**CONFIG, "arguments": {"kl": "independent_increments"}}


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    splits = [[(rng.random((20, 6)) < 0.3).astype(np.uint8) for _ in range(n)] for n in (5, 3, 2)]
    return Dataset("small", *splits)


def scores(objective, reconstruction, kl=None):
    return {
        "kl": {"per_step": objective - reconstruction if kl is None else kl},
        "bound": {"per_step": 99.0},
        "objective": {"per_step": objective},
        "reconstruction": {"per_step": reconstruction},
    }


def test_floor(dataset):
    frames = np.concatenate(dataset.train)
    p = (frames.sum(axis=0) + 1) / (len(frames) + 2)
    expected = [-np.log(np.where(x, p, 1 - p)).sum() for x in dataset.test]
    np.testing.assert_allclose(collapse.floor(dataset.train, dataset.test).nats, expected)


def test_no_divergence(dataset):
    line = collapse.describe(scores(2.01, 2.0), CONFIG, dataset)
    assert "collapsed to the prior, the divergence is only 0.010 nats" in line
    assert "--annealing-updates above 12" in line


def test_the_divergence_is_that_of_the_objective(dataset):
    """Of objectives that weigh draws, the exact one."""
    assert collapse.describe(scores(1.0, 1.2, kl=0.3), CONFIG, dataset) is None
    assert "is only 0.003 nats" in collapse.describe(scores(1.0, 0.5, kl=0.003), CONFIG, dataset)
    assert "is only 0.003 nats" in collapse.describe(scores(0.503, 0.5, kl=17.0), PUBLISHED, dataset)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_no_better_than_independent_notes(dataset, split):
    floor = collapse.floor(dataset.train, getattr(dataset, split)).per_step
    line = collapse.describe(scores(floor - 0.01, floor - 1), CONFIG, dataset, split)
    assert f"the model ({floor - 0.01:.2f}) is no better than independent notes ({floor:.2f})" in line
    assert collapse.describe(scores(floor - 0.1, floor - 1), CONFIG, dataset, split) is None


def test_models_without_latents(dataset):
    floor = collapse.floor(dataset.train, dataset.valid).per_step
    line = collapse.describe({"nll": {"per_step": 99.0}}, CONFIG, dataset)
    assert line == f"the model (99.00) is no better than independent notes ({floor:.2f}): try more --n-epochs"
    assert collapse.describe({"nll": {"per_step": floor - 0.1}}, CONFIG, dataset) is None


def test_no_floor_of_real_values(dataset):
    real = Dataset("real", *([np.full((3, 2), 0.5)] for _ in range(3)))
    assert collapse.describe(scores(99.0, 98.0), CONFIG, real) is None
