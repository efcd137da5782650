"""What is said before the first update."""

import numpy as np
import pytest

from breze_like.models import RNN, Standardization
from breze_like.training import TrainingSettings, fit
from breze_like.training.before import scale_advice


@pytest.mark.parametrize(
    ("scale", "offset", "told"),
    [
        (1.0, 0, None),
        (9.0, 0, None),
        (0.15, 0, None),
        (0.15, 7, None),
        (0, 0, None),
        (0.1, 1, "feature 1 has mean 1 and standard deviation 0.071:"),
        (50, 0, "feature 1 has mean 0.12 and standard deviation 36:"),
        (1.0, 20, "feature 1 has mean 20 and standard deviation 0.71:"),
    ],
)
def test_values_of_another_size_are_told_of(scale, offset, told):
    wave = np.sin(np.arange(100))[:, None] * [1, scale] + [0, offset]
    wave[3, 1] = np.nan
    advice = scale_advice([wave[:50], wave[50:]])
    assert advice is None if told is None else f"far from unit size, {told} standardise them" in advice


def test_fit_gives_the_advice(rng):
    train = [100 * rng.normal(size=(4, 2)) for _ in range(3)]
    settings = TrainingSettings(n_epochs=1)
    model = RNN(2, (2,), emission="gaussian_shared")
    model.initialize(rng)
    with pytest.warns(UserWarning, match="standardise them, by standardization=Standardization.of"):
        fit(model, train, train, settings, rng, progress=False)
    model = RNN(2, (2,), emission="gaussian_shared", standardization=Standardization.of(train))
    model.initialize(rng)
    fit(model, train, train, settings, rng, progress=False)
