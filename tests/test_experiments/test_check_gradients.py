"""The gradient check itself: it passes, and it would notice."""

import json

import pytensor.tensor as pt
import pytest
from pytensor.gradient import disconnected_grad

from breze_like.distributions import PRIORS
from experiments import check_gradients


def test_rows_say_error_verdict_and_time(capsys):
    assert check_gradients.main(["--only", "moments/dropout"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["gradient", "of", "error", "<=", "1e-05", "seconds"]
    name, error, verdict, seconds = row.split()
    assert (name, verdict) == ("moments/dropout", "ok") and float(error) < 1e-9 and float(seconds) < 60


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
    monkeypatch.setattr(check_gradients, "MODELS", {})
    assert check_gradients.main([]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.slow
def test_all_rows_pass():
    assert check_gradients.main([]) == 0
