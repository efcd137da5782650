import numpy as np
import pytest

from experiments.music.measures import best_threshold, f1, score_denoising, score_imputation


def test_f1():
    made, true = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 1])
    precision, recall = 1 / 2, 1 / 3
    assert f1(made, true) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1(made * 0, true) == 0
    assert f1(made * 0, true * 0) == 1


def test_denoising():
    clean = [np.array([[1, 0, 0]]), np.array([[1, 0, 0], [0, 1, 0]])]
    noisy = [np.array([[1, 1, 0]]), np.array([[1, 0, 1], [0, 1, 1]])]
    made = [np.array([[1, 1, 0]]), np.array([[0, 1, 0], [0, 1, 0]])]
    # 6 noisy notes, of which one too many is kept, and one too few; 3 switched on, 3 true.
    expected = {"f1": 4 / 7, "wrong": 100 * 2 / 6, "left": 100 / 3, "lost": 100 / 3}
    assert score_denoising(made, noisy, clean) == pytest.approx(expected)


def test_imputation():
    true, observed = [np.array([[1, 0], [1, 0]])], [np.array([[True, True], [False, False]])]
    p = [np.array([[0.0, 1.0], [0.4, 0.3]])]
    expected = {"nats": -np.log(0.4 * 0.7), "error": 50.0}
    assert score_imputation(p, true, observed, 0.35) == pytest.approx(expected | {"f1": 1.0})
    assert score_imputation(p, true, observed, 0.45) == pytest.approx(expected | {"f1": 0.0})
    values = [np.array([[0, 1], [1, 1]])]
    assert score_imputation(values, true, observed) == pytest.approx({"error": 50.0, "f1": 2 / 3})
    certain = score_imputation([np.array([[0.0, 0.0], [0.0, 0.0]])], true, observed, 0.5)
    assert certain["nats"] == pytest.approx(-np.log(1e-6), rel=1e-4)


def test_the_threshold_with_the_largest_f1():
    p, true = [np.array([[0.1, 0.2, 0.6, 0.9]])], [np.array([[0, 0, 1, 1]])]
    assert 0.2 < best_threshold(p, true, [np.zeros((1, 4), bool)]) <= 0.6


def test_there_is_no_share_of_nothing():
    silence = [np.zeros((3, 2))]
    of_nothing = {"wrong": None, "left": None, "lost": None}
    assert score_denoising(silence, silence, silence) == {"f1": 1.0, **of_nothing}
    assert score_imputation(silence, silence, [np.ones((3, 2), bool)]) == {"error": None, "f1": 1.0}
