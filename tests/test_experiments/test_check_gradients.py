"""The gradient check itself: it passes, and it would notice."""

import json

import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.gradient import disconnected_grad

from breze_like.distributions import PRIORS
from experiments import check_gradients


@pytest.mark.parametrize("step", check_gradients.STEPS)
def test_finite_differences_of_a_known_function(step):
    x = np.array([0.3, -1.2, 2.0])
    gradient = check_gradients.finite_differences(lambda v: float(np.sin(v).prod()), x, step)
    expected = np.cos(x) * np.sin(x).prod() / np.sin(x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9)


def test_a_kink_within_the_longer_step_is_no_error():
    x = np.array([0.3, 5e-4])
    f = lambda v: float(np.abs(v).sum())  # noqa: E731
    assert check_gradients.largest_error(np.ones(2), f, x) < 1e-9
    assert check_gradients.largest_error(np.array([1.0, 0.9]), f, x) > 0.05


def test_some_rows_pass(capsys):
    assert check_gradients.main(["--json", "--only", "kl/diagonal"]) == 0
    errors = json.loads(capsys.readouterr().out)["largest_relative_error"]
    assert set(errors) == {f"kl/diagonal/{prior}" for prior in [*PRIORS, "gp"]}
    assert max(errors.values()) < 1e-7


def test_a_wrong_gradient_fails(monkeypatch, capsys):
    def wrong(arguments, mask):
        x = arguments()
        return [pt.tanh(x) + 1e-3 * disconnected_grad(x)]

    monkeypatch.setattr(check_gradients, "COMPONENTS", {"wrong": wrong})
    assert check_gradients.main(["--only", "wrong"]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.slow
def test_all_rows_pass():
    assert check_gradients.main([]) == 0
