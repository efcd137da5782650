"""What is said before the first update."""

import numpy as np
import pytest

from breze_like.models import RNN, Standardization
from breze_like.training import TrainingSettings, fit
from breze_like.training.before import scale_advice


@pytest.mark.parametrize(
    ("scale", "size"), [(1.0, None), (0.02, "0.021"), (50.0, "53"), (9.0, None), (0.11, None)]
)
def test_values_of_another_size_are_told_of(scale, size, rng):
    """By fit, once, where nothing was standardised."""
    wave = scale * np.sin(np.arange(100))[:, None] * [0.01, 1.5]
    wave[3, 1] = np.nan
    advice = scale_advice([wave[:50], wave[50:]])
    assert (
        advice is None
        if size is None
        else f"the root mean square of the largest feature is {size}: " in advice
    )


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
