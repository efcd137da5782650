"""Blocks of draws: what comes of them does not depend on how they are cut."""

import sys
from types import SimpleNamespace

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.data.packing import MIN_COLUMNS
from breze_like.distributions import DiagonalNormal
from breze_like.estimators import latent_draws, sampled_scores
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments


class Small(VariationalModel):
    """Has a context, and counts how many frames it recognises, and how many it weighs at a time."""

    def __init__(self):
        self.n_recognised, self.sizes = 0, []
        super().__init__(2, 3, prior="white", posterior="diagonal")

    def _make_networks(self, *_):
        self.emission = SimpleNamespace(binary=False)

    def recognise(self, observations, mask):
        mean = observations @ pt.as_tensor(np.array([[0.3, -0.5, 0.1], [0.2, 0.2, 0.7]]))
        return Recognised(Moments(mean, 0.5 + pt.zeros_like(mean)), (pt.tanh(observations),))

    def generate(self, latents, mask, context):
        return DiagonalNormal(latents[:, :, :2] * context + latents[:, :, 2:], 0.8)

    def function(self, inputs, outputs):
        function = super().function(inputs, outputs)

        def counting(*arrays):
            if "noise" in inputs:
                self.sizes.append(arrays[-1].shape[:2])
            else:
                self.n_recognised += int(arrays[1].sum())
            return function(*arrays)

        return counting


@pytest.fixture(scope="module")
def compiled():
    return Small()


@pytest.fixture
def model(compiled):
    compiled.n_recognised, compiled.sizes = 0, []
    return compiled


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, 2)) for n in (5, 30, 12, 5, 31)]


def scores(model, sequences, n_draws=59, seed=3):  # a prime: blocks of several sizes don't fill up
    sampled = sampled_scores(model, sequences, np.random.default_rng(seed), n_draws)
    weighted = sampled.importance_sampled
    return np.array(
        [sampled.bound.nats, sampled.bound.standard_errors, weighted.nats, weighted.standard_errors]
    )


@pytest.mark.parametrize("max_steps", [40, 300, 1000])
def test_the_size_of_blocks_changes_nothing(max_steps, model, sequences, monkeypatch):
    whole = scores(model, sequences)
    assert len(model.sizes) == 1
    monkeypatch.setattr(latent_draws, "MAX_STEPS", max_steps)
    model.sizes.clear()
    np.testing.assert_allclose(scores(model, sequences), whole, rtol=1e-9)
    assert len(model.sizes) > 1
    # All of one shape, since a new one costs a compilation.
    (size,) = {n_steps * n_columns for n_steps, n_columns in model.sizes}
    assert size <= max(max_steps, MIN_COLUMNS * 62)


def test_memory_is_bounded_whatever_the_number_of_draws(model, sequences, monkeypatch):
    monkeypatch.setattr(latent_draws, "MAX_STEPS", 1000)
    scores(model, sequences, n_draws=5000)
    assert max(a * b for a, b in model.sizes) <= 1000


def test_a_sequence_is_recognised_once(model, sequences):
    scores(model, sequences, n_draws=3000)
    assert model.n_recognised == 83  # frames
    assert len(model.sizes) > 1


def test_other_sequences_do_not_matter(model, sequences):
    together = scores(model, sequences)
    others = [sequences[0], np.ones((40, 2)), sequences[2]]
    np.testing.assert_allclose(scores(model, others)[:, [0, 2]], together[:, [0, 2]], rtol=1e-9)


def test_equal_sequences_have_draws_of_their_own(model, sequences):
    same = scores(model, sequences[:1] * 2)
    assert (same[:, 0] != same[:, 1]).all()


def test_fewer_draws_are_the_first_ones(model, sequences):
    """So that two scores can be told apart by their numbers of draws alone."""
    weigh = VariationalModel.function(model, ["observations", "mask", "noise"], "log_weight")
    drawn = {}
    for n_draws in (7, 20):
        checked, rng = [sequences[0]], np.random.default_rng(1)
        ((_, _, blocks),) = (
            (i, t, list(b))
            for i, t, b in latent_draws.over_draws(model, checked, rng, n_draws, [], ["log_weight"])
        )
        drawn[n_draws] = np.concatenate([block for (block,) in blocks], axis=2)
        assert drawn[n_draws].shape == (5, 1, n_draws)
    np.testing.assert_allclose(drawn[7], drawn[20][:, :, :7], rtol=1e-12)
    (rng,) = latent_draws.streams(np.random.default_rng(1), 1)
    noise = rng.standard_normal((20, 5, 3)).swapaxes(0, 1)
    expected = weigh(sequences[0][:, None], np.ones((5, 1)), noise)
    np.testing.assert_allclose(drawn[20][:, 0], expected, rtol=1e-10)


def test_progress_is_shown_if_it_is_asked_for(model, sequences, capsys, monkeypatch):
    sampled_scores(model, sequences, np.random.default_rng(0), 4)
    assert capsys.readouterr().err == ""
    sampled_scores(model, sequences, np.random.default_rng(0), 4, progress=True)
    assert capsys.readouterr().err == ""  # it is no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    sampled_scores(model, sequences, np.random.default_rng(0), 4, progress=True)
    shown = capsys.readouterr().err
    assert "/332 " in shown and "frame/s" in shown
