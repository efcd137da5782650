"""Successive halving: who goes on from a rung, what that costs, and that nothing of it is seen in a run."""

import itertools

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from breze_like import data
from breze_like.runs import Run
from breze_like.training import Progress, TrainingSettings, is_finished, progress_of
from experiments import random_search
from experiments.paper import experiment, scoring
from experiments.paper.system_runs import best_run
from experiments.paper.systems import SYSTEMS
from experiments.search import studies, worker
from experiments.search.configuration import configure
from experiments.search.rungs import FACTOR, SHARES, WHOLE, cost, going_on, named, quota, stages

COMPLETE, FAIL, PRUNED, WAITING = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, TrialState.WAITING


class TestCost:
    def test_of_64_trials_is_that_of_ten(self):
        # 64 trials train to a sixteenth, 16 of them to a quarter, 4 of these to the end.
        assert [quota(64, rung) for rung in range(3)] == [64, 16, 4]
        assert cost(64, SHARES) == 64 / 16 + 16 * (1 / 4 - 1 / 16) + 4 * (1 - 1 / 4) == 10

    def test_without_rungs_is_that_of_all(self):
        assert cost(64, WHOLE) == 64

    @pytest.mark.parametrize("n_trials", range(1, 70))
    def test_somebody_comes_to_the_end(self, n_trials):
        quotas = [quota(n_trials, rung) for rung in range(3)]
        assert quotas[0] == n_trials and quotas[2] >= 1
        assert all(n <= FACTOR * following for n, following in itertools.pairwise(quotas))

    def test_stages(self):
        assert stages(SHARES) == [1 / 16, 3 / 16, 3 / 4]
        assert [named(share) for share in SHARES] == ["1/16", "1/4", "the end"]


class TestGoingOn:
    def test_nobody_before_all_have_come(self):
        assert going_on({0: (1.0,), 1: (), 2: (2.0,)}, set(), 3) == [{0, 1, 2}]

    def test_the_best_ones_and_of_equals_the_first(self):
        scores = {number: (float(number % 3),) for number in range(9)}  # the best ones are 0, 3 and 6
        assert going_on(scores, set(), 3) == [set(range(9)), {0, 3, 6}]
        for number, score in ((0, 5.0), (3, 4.0)):
            scores[number] += (score,)
        assert len(going_on(scores, set(), 3)) == 2
        scores[6] += (4.0,)
        assert going_on(scores, set(), 3) == [set(range(9)), {0, 3, 6}, {3}]

    def test_others_take_the_places_of_those_that_failed(self):
        scores = {number: (float(number),) for number in range(8)}
        scores[0], scores[5] = (), ()
        assert going_on(scores, {0, 5}, 2) == [set(range(8)), {1, 2}]
        # One that fails on the way to the next rung leaves its place there.
        scores = {n: s + (0.0,) * (n == 2) for n, s in scores.items()}
        assert going_on(scores, {0, 5, 1}, 3) == [set(range(8)), {1, 2}, {2}]

    def test_all_failed(self):
        assert going_on(dict.fromkeys(range(4), ()), set(range(4)), 3) == [set(range(4)), set(), set()]


@pytest.fixture
def plan(small_data, small_space, tmp_path):
    def plan(*more, model="rnn", trials=5):
        words = ["--model", model, "--dataset", str(small_data), "--space", str(small_space)]
        words += ["--trials", str(trials), "--out", str(tmp_path / "out"), *more]
        words += ["--storage", f"journal:{tmp_path / 'out' / 'study.journal'}"]  # faster than a database
        options = random_search.parse(words)
        return random_search.make_plan(options, data.load(str(small_data)))

    return plan


def test_it_is_the_default(plan, small_data):
    assert plan().pruner == "halving"
    assert plan("--also", "kl", model="vrae").pruner == "none"
    words = ["--model", "vosp_published", "--space", "paper", "--dataset", str(small_data)]
    assert random_search.make_plan(random_search.parse(words), data.load(str(small_data))).pruner == "none"


class TestSearch:
    """Who is trained how far, without training."""

    @pytest.fixture
    def found(self, tmp_path):
        place = f"journal:{tmp_path / 'out' / 'study.journal'}"
        return lambda: studies.outcomes(studies.load_study(tmp_path / "out", place))

    def test_the_best_quarter_goes_on(self, plan, stub, found):
        asked = stub(lambda number, rung: float((7 * number) % 16) - rung)
        worker.work(plan(trials=16))
        assert asked[:16] == [(number, 0) for number in range(16)]
        best = [n for n in range(16) if (7 * n) % 16 < 4]
        assert asked[16:20] == [(number, 1) for number in best]
        assert asked[20:] == [(0, 2)]
        found = found()
        assert [o.number for o in found if o.state == COMPLETE] == [0]
        assert {o.number for o in found if o.rung == 1} == set(best) - {0}
        assert {o.state for o in found if o.rung < 2} == {PRUNED}
        assert (found[0].scores, found[0].value) == ((0.0, -1.0), -2.0)
        assert (found[1].scores, found[1].value) == ((7.0,), 7.0)

    def test_who_waits_for_others_is_not_at_an_end(self, plan, stub, found):
        def score_of(number, rung):
            if number == 3:
                raise KeyboardInterrupt
            return float(number)

        stub(score_of)
        with pytest.raises(KeyboardInterrupt):
            worker.work(plan())
        found = found()
        assert [o.state for o in found] == 5 * [WAITING]
        assert [o.n_ended for o in found] == [1, 1, 1, 0, 0]

    def test_more_trials_are_compared_with_those_that_were_there(self, plan, stub, found):
        asked = stub(lambda number, rung: float(-number))
        worker.work(plan(trials=4))
        assert asked[4:] == [(3, 1), (3, 2)]
        asked.clear()
        worker.work(plan(trials=8))
        assert asked == [*((n, 0) for n in range(4, 8)), (6, 1), (7, 1), (7, 2)]
        found = found()
        assert [o.number for o in found if o.state == COMPLETE] == [3, 7]

    def test_what_fails_is_replaced_by_the_next_best(self, plan, stub, found):
        def score_of(number, rung):
            if number in (0, 1) and rung == number:
                raise worker.TrainingDiverged("not finite")
            return float(number)

        asked = stub(score_of)
        worker.work(plan(trials=8))
        assert asked[8:] == [(1, 1), (2, 1), (2, 2)]
        found = found()
        assert [o.state for o in found] == [FAIL, FAIL, COMPLETE, *5 * [PRUNED]]

    def test_a_process_that_dies_on_the_way_to_a_rung(self, plan, stub, found):
        died = []

        def score_of(number, rung):
            if rung == 1 and len(died) < 2:
                died.append(number)
                raise KeyboardInterrupt
            return float(number)

        asked = stub(score_of)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                worker.work(plan())
        worker.work(plan())
        assert died == [0, 1]
        assert asked[5:] == [(0, 1), (1, 1), (0, 1), (1, 1), (0, 2)]
        assert found()[0].state == COMPLETE

    def test_what_a_sampler_proposed_is_kept_from_rung_to_rung(self, plan, stub):
        stub(lambda number, rung: float(number))
        made = plan("--sampler", "tpe", trials=2)
        worker.work(made)
        for tries in studies.attempts(studies.load_study(made.folder, made.storage)).values():
            assert len({str(attempt.params) for attempt in tries}) == 1 and tries[0].params


@pytest.fixture(scope="module")
def searched(small_data, small_space, tmp_path_factory):
    """A plan with real trainings, of 32 updates, and the folder in which it was carried out."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = tmp_path_factory.mktemp("searched")
    words = ["--model", "rnn", "--dataset", str(small_data), "--space", str(small_space), "--trials", "2"]
    options = random_search.parse([*words, "--budget", "0.29", "--out", str(folder)])
    plan = random_search.make_plan(options, data.load(str(small_data)))
    worker.work(plan)
    return plan, folder


@pytest.mark.slow
class TestTraining:
    def test_rungs_are_shares_of_the_updates(self, searched):
        _, folder = searched
        found = studies.outcomes(studies.load_study(folder))
        assert sorted(o.rung for o in found) == [0, 2]
        for outcome in found:
            run = Run(folder / outcome.run)
            assert progress_of(run)[:2] == ((2, 8, 32)[outcome.rung], 32)
            assert outcome.share == SHARES[outcome.rung]
            assert is_finished(run) == (outcome.state == COMPLETE)
        assert sum(o.share for o in found) == cost(2, SHARES)

    def test_the_best_run_is_as_if_it_had_never_stopped(self, searched, small_data, tmp_path):
        plan, folder = searched
        (best,) = [o for o in studies.outcomes(studies.load_study(folder)) if o.state == COMPLETE]
        dataset = data.load(str(small_data))
        config = configure(plan.config(dataset), best.params, plan.seed, best.number)
        assert config["training"]["step_rate_schedule"] == "cosine"
        run, model = experiment.train(config, dataset, tmp_path / "alone", progress=False)
        there, _ = Run(folder / best.run).read_checkpoint(model.parameters)
        here, _ = run.read_checkpoint(model.parameters)
        for name, array in here.items():
            np.testing.assert_array_equal(there[name], array)
        logs = [[{**entry, "seconds": 0} for entry in r.read_log()] for r in (run, Run(folder / best.run))]
        assert logs[0] == logs[1]
        assert best.value == min(entry["valid_score"] for entry in logs[0])
        assert best_run(folder, SYSTEMS["rnn"]) == folder / best.run

    def test_the_score_is_that_of_the_validation_set_there(self, searched, small_data):
        plan, folder = searched
        outcome = next(o for o in studies.outcomes(studies.load_study(folder)) if o.rung == 0)
        run = Run(folder / outcome.run)
        dataset, model = data.load(str(small_data)), experiment.make_model(run.config)
        model.parameters.data[...] = run.read_checkpoint(model.parameters)[0]["parameters"]
        nll = scoring.score(model, dataset.valid)["nll"]["per_step"]
        assert outcome.scores[0] == pytest.approx(nll, rel=1e-12)


def test_a_score_has_the_weight_that_the_divergence_has_there(monkeypatch):
    """The system's, whatever annealing was drawn: so scores compare."""
    weights = []

    def validation_score(model, chunks, n_draws, kl_weight):
        weights.append(kl_weight)
        return 3.0

    monkeypatch.setattr(worker, "validation_score", validation_score)
    settings = TrainingSettings(annealing_updates=400)
    usual = {"training": vars(settings)}
    for update in (44, 175, 600):
        assert worker.rung_score(None, [], usual, Progress(update, 700, 1.0)) == 3.0
    assert weights == [44 / 400, 175 / 400, 1.0]
