from dataclasses import FrozenInstanceError
from itertools import islice

import numpy as np
import pytest

from breze_like.training import TrainingSettings
from breze_like.training.climin_import import decaying


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"n_epochs": 0}, "n_epochs must be a positive integer, got 0"),
        ({"n_epochs": 1.5}, "n_epochs must be a positive integer, got 1.5"),
        ({"batch_size": -1}, "batch_size must be a positive integer, got -1"),
        ({"chunk_length": 0}, "chunk_length must be a positive integer"),
        ({"step_rate": 0.0}, "step_rate must be a positive number, got 0.0"),
        ({"step_rate": float("nan")}, "step_rate must be a positive number, got nan"),
        ({"step_rate": "fast"}, "step_rate must be a positive number, got 'fast'"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"decay": -0.1}, r"decay must be in \[0, 1\), got -0.1"),
        ({"step_rate_schedule": "linear"}, r"step_rate_schedule must be one of \['constant', 'cosine', 'exp"),
        ({"step_rate_schedule": None}, "step_rate_schedule must be one of"),
        ({"max_gradient_norm": float("inf")}, "max_gradient_norm must be a positive number, got inf"),
        ({"annealing_updates": -1}, "annealing_updates must be a non-negative integer or None, got -1"),
        ({"n_draws": 0}, "n_draws must be a positive integer"),
        ({"validate_every": 0}, "validate_every must be a positive integer"),
        ({"patience": 0}, "patience must be a positive integer or None, got 0"),
        ({"max_skipped": -1}, "max_skipped must be a non-negative integer, got -1"),
    ],
)
def test_rejects(setting, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**setting)


def test_accepts_numpy_numbers_and_does_not_change():
    settings = TrainingSettings(n_epochs=np.int64(3), step_rate=np.float32(0.1), patience=None)
    with pytest.raises(FrozenInstanceError):
        settings.n_epochs = 4


def test_kl_weight_rises_linearly_to_one():
    settings = TrainingSettings(annealing_updates=4)
    assert [settings.kl_weight(update) for update in range(7)] == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert [TrainingSettings(annealing_updates=0).kl_weight(update) for update in (0, 1)] == [1, 1]


def test_step_rate_is_constant_or_falls():
    fractions = np.linspace(0, 1, 11)
    constant = TrainingSettings(step_rate=0.5)
    assert [constant.scheduled_step_rate(fraction) for fraction in fractions] == [0.5] * 11
    cosine = TrainingSettings(step_rate=0.5, step_rate_schedule="cosine")
    found = [cosine.scheduled_step_rate(fraction) for fraction in fractions]
    np.testing.assert_allclose(found, 0.5 * np.cos(np.pi * fractions / 2) ** 2, atol=1e-16)
    exponential = TrainingSettings(step_rate=0.5, step_rate_schedule="exponential")
    found = [exponential.scheduled_step_rate(fraction) for fraction in fractions]
    expected = list(islice(decaying(0.5, 0.01**0.1), 11))  # climin's
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "validate_every, n_validations",
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 0, 1, 1, 2, 3]), (5, [0, 0, 0, 0, 0, 1]), (9, [0, 0, 0, 0, 0, 1])],
)
def test_validation_is_due_every_so_often_and_at_the_end(validate_every, n_validations):
    settings = TrainingSettings(n_epochs=5, validate_every=validate_every)
    assert [settings.n_validations(epoch) for epoch in range(6)] == n_validations
    assert np.cumsum([settings.validates_after(epoch) for epoch in range(6)]).tolist() == n_validations


@pytest.mark.parametrize(
    ("given", "n_updates", "has_kl_weight", "expected"),
    [
        (None, 1200, True, 400),
        (None, 1200, False, 0),
        (None, 60_000, True, 5000),
        (0, 1200, True, 0),
        (7, 9, True, 7),
    ],
)
def test_annealing_takes_a_third_of_all_updates(given, n_updates, has_kl_weight, expected):
    settings = TrainingSettings(annealing_updates=given, n_epochs=3).settled(n_updates, has_kl_weight)
    assert settings == TrainingSettings(annealing_updates=expected, n_epochs=3)
