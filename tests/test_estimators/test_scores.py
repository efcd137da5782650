"""Averages of scores, and estimates from numbers that come in blocks."""

import numpy as np
import pytest
from scipy.special import logsumexp

from breze_like.estimators.scores import LogMean, Mean, Score


def test_averages():
    score = Score(np.array([6.0, 1.0]), np.array([3, 1]))
    assert score.per_step == pytest.approx(7 / 4)
    assert score.per_sequence == pytest.approx((2 + 1) / 2)
    assert score.per_step_standard_error is None and score.per_sequence_standard_error is None


def test_errors_of_averages_from_draws_of_each_sequence(rng):
    n_steps, errors = np.array([3, 1, 10]), np.array([0.3, 0.4, 0.1])
    score = Score(np.array([6.0, 1.0, 5.0]), n_steps, errors)
    nats = score.nats + errors * rng.standard_normal((100_000, 3))
    assert score.per_step_standard_error == pytest.approx((nats.sum(axis=1) / 14).std(), rel=0.02)
    per_sequence = (nats / n_steps).mean(axis=1)
    assert score.per_sequence_standard_error == pytest.approx(per_sequence.std(), rel=0.02)


def add_in_blocks(estimate, values):
    """Draws (n_draws, 4) in blocks of several sizes, for the sequences 2 and 0 first, then for 1 and 3."""
    for indices in ([2, 0], [1, 3]):
        for block in np.split(values[:, indices], [1, 3, 3 + len(values) // 2]):
            if len(block):
                estimate.add(np.array(indices), block)


@pytest.mark.parametrize("n_draws", [2, 50])
def test_mean(n_draws, rng):
    values = 1e4 + rng.standard_normal((n_draws, 4))
    mean = Mean(4)
    add_in_blocks(mean, values)
    np.testing.assert_allclose(mean.mean, values.mean(axis=0), rtol=1e-14)
    expected = values.std(axis=0, ddof=1) / np.sqrt(n_draws)
    np.testing.assert_allclose(mean.standard_errors, expected, rtol=1e-8)


@pytest.mark.parametrize("n_draws", [2, 50])
@pytest.mark.parametrize("shift", [0.0, -1e4, 1e4])
def test_log_mean(n_draws, shift, rng):
    logs = rng.standard_normal((n_draws, 4))
    log_mean = LogMean(4)
    add_in_blocks(log_mean, logs + shift)
    weights = np.exp(logs)
    np.testing.assert_allclose(
        log_mean.log_mean, logsumexp(logs, axis=0) - np.log(n_draws) + shift, rtol=1e-12
    )
    expected = weights.std(axis=0, ddof=1) / np.sqrt(n_draws) / weights.mean(axis=0)
    np.testing.assert_allclose(log_mean.standard_errors, expected, rtol=1e-6)
    sizes = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    np.testing.assert_allclose(log_mean.effective_sample_sizes, sizes, rtol=1e-6)


@pytest.mark.parametrize("estimate", [Mean, LogMean])
def test_draws_that_are_alike_have_no_error(estimate):
    made = estimate(3)
    for n_draws in (3, 1, 7):
        made.add(np.arange(3), np.full((n_draws, 3), [0.1, -321.7, 123.4]))
    assert np.all(made.standard_errors <= 1e-13)


def test_a_single_draw_has_no_error():
    for estimate in (Mean(1), LogMean(1)):
        estimate.add(np.array([0]), np.ones((1, 1)))
        assert estimate.standard_errors is None


def test_one_weight_that_has_it_all():
    """The error is then 1 of the mean, whatever the number of draws: as large as it can be said to be."""
    log_mean = LogMean(1)
    log_mean.add(np.array([0]), np.array([[0.0], *[[-1e3]] * 99]))
    assert log_mean.effective_sample_sizes == pytest.approx([1.0])
    assert log_mean.standard_errors == pytest.approx([1.0])
