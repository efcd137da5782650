"""Training on a device gives the iterates of climin."""

import numpy as np
import pytensor
import pytest

from breze_like.runs import Run
from breze_like.training import DeviceRmsProp, GuardedRmsProp, TrainingSettings, fit, loop

jax = pytest.importorskip("jax")

CURVATURE = np.array([1.0, 5.0, 0.2, 9.0])
START = np.array([1.0, -2.0, 3.0, 2.0])  # too far from a minimum, where rounding decides, to reach one


def loss_and_gradient(parameters, factor):
    """Of a quadratic, and of a wave that makes it less simple; for NumPy and for JAX."""
    module = np if isinstance(parameters, np.ndarray) else jax.numpy
    curvature = CURVATURE.astype(parameters.dtype)
    loss = factor * (0.5 * curvature * parameters**2 + module.sin(parameters)).sum()
    return loss, factor * (curvature * parameters + module.cos(parameters))


def both(dtype, **settings):
    """climin's and the device's."""
    ours, parameters = START.astype(dtype), START.astype(dtype)
    reference = GuardedRmsProp(ours, lambda factor: loss_and_gradient(ours, factor), **settings)
    with pytensor.config.change_flags(floatX=dtype):
        return reference, DeviceRmsProp(parameters, loss_and_gradient, **settings)


def assert_same_state(actual, expected, rtol):
    assert actual["n_iter"] == expected["n_iter"]
    for name in ("parameters", "moving_mean_squared", "step"):
        array = np.asarray(actual[name])
        assert array.dtype == expected[name].dtype
        np.testing.assert_allclose(array, expected[name], rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 1e-4)])
def test_iterates_are_those_of_climin(dtype, rtol):
    """With step rates that change, gradients that are clipped, and steps that are skipped."""
    reference, device = both(dtype, decay=0.8, momentum=0.7, max_gradient_norm=20.0)
    rng, seen = np.random.default_rng(0), []
    for i in range(80):
        factor = np.array([np.nan, np.inf, -np.inf][i % 3] if i % 11 == 5 else rng.uniform(0.2, 3), dtype)
        expected = reference.step([factor], 0.005 * 0.98**i)
        met = device.step([factor], 0.005 * 0.98**i)
        assert met.skipped == expected.skipped
        if not met.skipped:
            np.testing.assert_allclose(met[:2], expected[:2], rtol=rtol)
        assert_same_state(device.state(), reference.state(), rtol)
        seen.append((met.skipped, met.gradient_norm > 20))
    assert {(True, False), (False, True), (False, False)} <= set(seen)


def test_goes_on_from_a_state_of_either():
    reference, device = both("float64")
    for _ in range(5):
        device.step([1.0], 0.01)
    other_reference, other = both("float64")
    reference.restore({name: np.asarray(value) for name, value in device.state().items()})
    other.restore(reference.state())
    for _ in range(5):
        device.step([1.0], 0.01)
        other.step([1.0], 0.01)
        reference.step([np.array(1.0)], 0.01)
    assert_same_state(other.state(), reference.state(), 1e-12)
    np.testing.assert_array_equal(other.state()["parameters"], device.state()["parameters"])


def test_a_state_that_was_taken_does_not_change():
    _, device = both("float64")
    before = device.state()
    device.step([1.0], 0.01)
    np.testing.assert_array_equal(before["parameters"], START)
    device.restore(before)
    np.testing.assert_array_equal(device.state()["parameters"], START)


def test_squares_of_single_precision_do_not_overflow():
    reference, device = both("float32")
    for optimizer in (reference, device):
        met = optimizer.step([np.float32(1e25)], 0.01)
        assert met.gradient_norm == pytest.approx(np.linalg.norm(loss_and_gradient(START, 1e25)[1]), rel=1e-5)
    assert_same_state(device.state(), reference.state(), 1e-5)


def test_a_gradient_of_zeros_moves_nothing():
    _, device = both("float64")
    met = device.step([0.0], 0.01)
    assert (met.gradient_norm, met.skipped) == (pytest.approx(0.0, abs=1e-300), False)
    np.testing.assert_array_equal(device.state()["parameters"], START)


class TestFit:
    settings = TrainingSettings(n_epochs=12, batch_size=3, chunk_length=6, max_gradient_norm=2.0)

    @pytest.fixture
    def train(self, linear):
        """Train a new model, until some validation."""

        def train(run=None, interrupt_after=100):
            model, rng, left = linear(), np.random.default_rng(1), iter(range(interrupt_after))
            model.parameters.data[...] = [1.0, 2.0, -1.0, 0.5]
            data = [[rng.standard_normal((n, 2)) for n in (5, 9, 14, 8)] for _ in range(2)]

            def validate(chunks):
                next(left)
                return model.distance(chunks)

            return model, fit(model, *data, self.settings, rng, validate, run, progress=False)

        return train

    @pytest.fixture
    def on_device(self, monkeypatch):
        """Have a CPU taken for a GPU."""
        monkeypatch.setattr(loop, "accelerator", lambda: jax.devices()[0])

    def test_is_the_same(self, train, request):
        expected_model, expected = train()
        request.getfixturevalue("on_device")
        model, history = train()
        np.testing.assert_allclose(model.parameters.data, expected_model.parameters.data, rtol=1e-10)
        assert history.best_epoch == expected.best_epoch
        for entry, other in zip(history.entries, expected.entries, strict=True):
            for name in ("update", "train_loss", "valid_score", "gradient_norm"):
                assert entry[name] == pytest.approx(other[name], rel=1e-9)

    def test_resumes_to_the_same_numbers(self, train, on_device, tmp_path):
        expected, _ = train()
        run = Run.create(tmp_path / "run", {})
        for n_good in (2, 0, 3):
            with pytest.raises(StopIteration):
                train(run, interrupt_after=n_good)
        model, history = train(Run(run.folder))
        assert len(history.entries) == 12
        np.testing.assert_array_equal(model.parameters.data, expected.parameters.data)
