import warnings
from itertools import count

import numpy as np
import pytensor
import pytest

from breze_like import FDRNN, backends
from breze_like.training import TrainingSettings, fit


@pytest.mark.slow
def test_fifty_updates_agree_to_single_precision():
    if not {"jax", "cvm"} <= set(backends.available()):
        pytest.skip("needs JAX and a C++ compiler")
    drawn = np.random.default_rng(0)
    sequences = [(drawn.random((n, 4)) < 0.3).astype("float32") for n in (6, 4, 5, 6)]
    settings = TrainingSettings(n_epochs=50, batch_size=4, step_rate=0.001)
    learned = []
    for backend in ("jax", "cvm"):
        with pytensor.config.change_flags(floatX="float32"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*BLAS.*")  # slow without one, but right
            model = FDRNN(4, (5,), backend=backend)
            model.initialize(np.random.default_rng(1))
            initial = model.parameters.data.copy()
            better = count(0, -1)  # so that the last parameters are the best ones
            rng = np.random.default_rng(2)
            history = fit(
                model, sequences, sequences, settings, rng, lambda _, b=better: next(b), progress=False
            )
        learned.append((model.parameters.data.copy(), [e["train_loss"] for e in history.entries[1:]]))
    (parameters, losses), (others, other_losses) = learned
    assert parameters.dtype == np.float32
    assert np.abs(parameters - initial).max() > 0.01
    np.testing.assert_allclose(parameters, others, atol=2e-5)
    np.testing.assert_allclose(losses, other_losses, rtol=1e-5)
