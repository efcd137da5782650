from types import SimpleNamespace

import numpy as np
import pytest

from breze_like.estimators.scores import Bound, ImportanceSampled, Sampled, Score
from breze_like.models import RNN
from breze_like.training import TrainingDiverged
from experiments.paper import scoring

LATENTS = SimpleNamespace(has_latents=True, emits_from_step=False)


def test_scores_that_are_not_finite(rng):
    model = RNN(3, (2,), emission="bernoulli")
    model.parameters.data[...] = np.nan
    with pytest.raises(TrainingDiverged, match="nll is nan nats per time step: try a smaller step_rate"):
        scoring.score(model, [rng.integers(0, 2, (4, 3))])


class TestScore:
    """Of a model with latents, whose estimators are in other tests."""

    @pytest.fixture
    def calls(self, monkeypatch):
        """Numbers of draws, by the estimator that was asked for them."""
        nats, errors = np.array([6.0, 1.0]), np.array([0.3, 0.4])
        score = Score(nats, np.array([3, 1]), errors)
        bound = Bound(nats, score.n_steps, errors, kl=Score(nats, score.n_steps), reconstruction=score)
        weighted = ImportanceSampled(nats, score.n_steps, errors, effective_sample_sizes=np.array([1.0, 2.0]))
        values = {
            "sampled_scores": Sampled(bound, score, weighted),
            "variational_bound": bound,
            "training_objective": score,
            "particle_filter_nll": score,
            "annealed_nll": score,
        }
        calls = {}
        for name, value in values.items():

            def estimate(model, sequences, rng, n_draws, *others, name=name, value=value, **_):
                calls[name] = (n_draws, *others) if name == "annealed_nll" else n_draws
                return value

            monkeypatch.setattr(scoring, name, estimate)
        return calls

    def test_all_scores_are_of_the_same_draws(self, calls):
        scores = scoring.score(LATENTS, [], 70)
        assert calls == {"sampled_scores": 70, "annealed_nll": (4, 7)}
        names = ["bound", "kl", "reconstruction", "objective", "importance_sampled", "annealed"]
        assert list(scores) == names
        assert [kept.get("n_draws") for kept in scores.values()] == [70, None, 70, 70, 70, 4]
        assert scores["annealed"]["n_moves"] == 7
        errors = [kept.get("per_step_standard_error") for kept in scores.values()]
        assert errors == [0.125, None, 0.125, 0.125, 0.125, 0.125]

    def test_few_draws_without_importance_sampling(self, calls):
        scores = scoring.score(LATENTS, [], 0)
        assert calls == {"variational_bound": 5, "training_objective": 5}
        assert not {"importance_sampled", "particle_filter", "annealed"} & scores.keys()
        assert scores["bound"]["n_draws"] == 5

    @pytest.mark.parametrize("n_samples, n_particles", [(2000, 200), (30, 30)])
    def test_a_filter_is_beside_them_where_particles_can_be_filtered(
        self, n_samples, n_particles, calls, monkeypatch
    ):
        monkeypatch.setattr(scoring, "can_be_filtered", lambda model: True)
        scores = scoring.score(LATENTS, [], n_samples)
        assert calls == {"sampled_scores": n_samples, "particle_filter_nll": n_particles}
        assert scores["particle_filter"]["n_draws"] == 2 * n_particles
        assert scores["particle_filter"]["per_step_standard_error"] == 0.125
        few = scoring.score(LATENTS, [], 0)
        assert "particle_filter" not in few


def test_draws_in_words():
    assert scoring.in_draws("particle_filter", {"n_draws": 400}) == "2 filters of 200 particles"
    assert scoring.in_draws("annealed", {"n_draws": 4, "n_moves": 50}) == "4 draws moved 50 times"
    assert scoring.in_draws("importance_sampled", {}, 20) == scoring.in_draws("bound", {"n_draws": 20})
    assert scoring.in_draws("bound", {}) == ""
