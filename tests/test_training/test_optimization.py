import numpy as np
import pytest

from breze_like.training import GuardedRmsProp, clip_norm
from breze_like.training.climin_import import RmsProp


def quadratic(parameters):
    """Loss and gradient, times what is passed in."""
    curvature = np.array([1.0, 5.0, 0.2], parameters.dtype)
    return lambda factor: (
        factor * 0.5 * (curvature * parameters**2).sum(),
        factor * curvature * parameters,
    )


class TestClipNorm:
    def test_leaves_short_gradients_alone(self):
        gradient = np.array([3.0, 4.0])
        clipped, norm = clip_norm(gradient, 5.0)
        assert clipped is gradient
        assert norm == 5.0

    def test_compares_the_norm_with_the_threshold_not_with_its_root(self):
        gradient = np.array([60.0, 80.0])  # 15 = sqrt(225) < 100 < 225
        assert clip_norm(gradient, 225.0)[0] is gradient

    def test_scales_long_gradients_down(self):
        gradient = np.array([300.0, -400.0])
        clipped, norm = clip_norm(gradient, 225.0)
        assert norm == 500.0
        np.testing.assert_allclose(clipped, [135.0, -180.0], rtol=1e-15)
        np.testing.assert_array_equal(gradient, [300.0, -400.0])

    def test_single_precision_stays_and_does_not_overflow(self):
        clipped, norm = clip_norm(np.full(4, 1e30, np.float32), 1.0)
        assert clipped.dtype == np.float32
        assert norm == pytest.approx(2e30)
        np.testing.assert_allclose(clipped, 0.5, rtol=1e-6)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
    def test_reports_what_is_not_finite(self, bad):
        assert not np.isfinite(clip_norm(np.array([1.0, bad]), 1.0)[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_iterates_are_climins_own(dtype):
    ours = np.array([1.0, -2.0, 3.0], dtype)
    climins = ours.copy()
    optimizer = GuardedRmsProp(ours, quadratic(ours), decay=np.float64(0.8), momentum=0.7)
    reference = iter(RmsProp(climins, lambda w: quadratic(w)(1.0)[1], 0.1, decay=0.8, momentum=0.7))
    for n_done in range(20):
        loss = quadratic(ours - 0.7 * optimizer.state()["step"])(1.0)[0]
        met = optimizer.step([1.0], np.float64(0.1))
        next(reference)
        np.testing.assert_array_equal(ours, climins)
        assert met.loss == pytest.approx(loss)  # at the point ahead, by Nesterov
        assert not met.skipped
        assert optimizer.state()["n_iter"] == n_done + 1
    assert {array.dtype for name, array in optimizer.state().items() if name != "n_iter"} == {ours.dtype}


def test_clips():
    ours, climins = np.array([1.0, -2.0, 3.0]), np.array([1.0, -2.0, 3.0])
    optimizer = GuardedRmsProp(ours, quadratic(ours), max_gradient_norm=0.5)

    def clipped_gradient(w):
        return 0.5 * quadratic(w)(1.0)[1] / np.linalg.norm(quadratic(w)(1.0)[1])

    reference = iter(RmsProp(climins, clipped_gradient, 0.1, decay=0.9, momentum=0.9))
    for _ in range(3):
        assert optimizer.step([1.0], 0.1).gradient_norm > 0.5
        next(reference)
    np.testing.assert_allclose(ours, climins, rtol=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_undoes_what_meets_numbers_that_are_not_finite(bad):
    parameters, untouched = np.array([1.0, -2.0, 3.0]), np.array([1.0, -2.0, 3.0])
    optimizer = GuardedRmsProp(parameters, quadratic(parameters))
    reference = GuardedRmsProp(untouched, quadratic(untouched))
    for factor in (bad, 1.0, 2.0, bad, bad, 0.5):
        before = optimizer.state()
        met = optimizer.step([factor], 0.1)
        assert met.skipped == (factor == bad or np.isnan(factor))
        if met.skipped:
            after = optimizer.state()
            assert all(np.array_equal(before[name], after[name]) for name in optimizer.state_fields)
        else:
            reference.step([factor], 0.1)
        np.testing.assert_array_equal(parameters, untouched)


def test_undoes_a_finite_gradient_of_a_loss_that_is_not():
    parameters = np.ones(2)
    optimizer = GuardedRmsProp(parameters, lambda: (np.nan, np.ones(2)))
    assert optimizer.step([], 0.1).skipped
    np.testing.assert_array_equal(parameters, 1.0)


def test_goes_on_from_a_state():
    first, second = np.array([1.0, -2.0, 3.0]), np.zeros(3)
    optimizer = GuardedRmsProp(first, quadratic(first))
    for _ in range(3):
        optimizer.step([1.0], 0.1)
    resumed = GuardedRmsProp(second, quadratic(second))
    resumed.restore(optimizer.state())
    for _ in range(3):
        optimizer.step([1.0], 0.1)
        resumed.step([1.0], 0.1)
        np.testing.assert_array_equal(second, first)


def test_goes_on_after_an_error_inside_a_step():
    parameters = np.ones(3)

    def interrupted(factor):
        if factor == 0:
            raise KeyboardInterrupt
        return quadratic(parameters)(factor)

    optimizer = GuardedRmsProp(parameters, interrupted)
    optimizer.step([1.0], 0.1)
    before = optimizer.state()
    with pytest.raises(KeyboardInterrupt):
        optimizer.step([0], 0.1)
    optimizer.restore(before)
    assert not optimizer.step([1.0], 0.1).skipped
    assert optimizer.state()["n_iter"] == 2
