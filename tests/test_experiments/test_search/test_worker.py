"""A worker of a search, in the process of the tests: what it trains, and how trials end."""

import numpy as np
import pytest
from optuna.trial import TrialState

from breze_like import data
from breze_like.runs import Run
from breze_like.training import TrainingDiverged, is_finished
from experiments import random_search
from experiments.paper.experiment import NO_SCORE
from experiments.paper.system_runs import best_run
from experiments.paper.systems import SYSTEMS
from experiments.search import studies, worker

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED


def states(study):
    return [outcome.state for outcome in studies.outcomes(study)]


class TestWork:
    """What one worker does, in this process."""

    @pytest.fixture
    def plan(self, small_data, small_space, tmp_path):
        def plan(*more, model="rnn", trials=2):
            words = ["--model", model, "--dataset", str(small_data), "--space", str(small_space)]
            words += ["--trials", str(trials), "--budget", "0.036", "--out", str(tmp_path / "out")]
            words += ["--pruner", "none", *more]
            options = random_search.parse(words)
            return random_search.make_plan(options, data.load(str(small_data)))

        return plan

    @pytest.fixture
    def stub(self, monkeypatch):
        """Instead of training, let a function of the configuration give the scores of validations."""

        def stub(scores_of):
            def train(config, dataset, folder, resume, progress, watch, until):
                assert resume
                run = Run(folder) if (folder / "config.json").exists() else Run.create(folder, config)
                for epoch, score in enumerate(scores_of(config), 1):
                    watch(score)
                    value = score if np.isfinite(score) else None
                    run.append_log({"epoch": epoch, "update": epoch, "valid_score": value, "seconds": 2.0})
                return run, None

            monkeypatch.setattr(worker, "train", train)

        return stub

    def test_trials_are_ordinary_runs(self, plan, tmp_path):
        plan = plan()
        worker.work(plan)
        study = studies.load_study(tmp_path / "out")
        found = studies.outcomes(study)
        for outcome in found:
            run = Run(tmp_path / "out" / outcome.run)
            assert is_finished(run)
            assert outcome.state == COMPLETE
            assert outcome.value == min(entry["valid_score"] for entry in run.read_log())
            assert outcome.share == 1
            assert outcome.seconds >= run.read_log()[-1]["seconds"]  # and the last validation
            assert run.config["training"]["step_rate"] == outcome.params["step_rate"]
            assert run.config["arguments"]["n_hiddens"] == [4]
        best = min(found, key=lambda outcome: outcome.value)
        assert best_run(tmp_path / "out", SYSTEMS["rnn"]) == tmp_path / "out" / best.run
        before = (tmp_path / "out" / best.run / "checkpoint.h5").stat().st_mtime_ns
        worker.work(plan)
        assert len(study.trials) == 2
        assert (tmp_path / "out" / best.run / "checkpoint.h5").stat().st_mtime_ns == before

    def test_study_says_what_it_is_of(self, plan, stub, tmp_path):
        stub(lambda config: [1.0])
        worker.work(plan())
        known = studies.load_study(tmp_path / "out").user_attrs
        assert (known["dataset"], known["model"], known["seed"], known["budget"]) == (
            "small",
            "rnn",
            1,
            0.036,
        )
        assert known["space"]["momentum"] == [0.0, 0.9]
        assert known["digests"].keys() == {"train", "valid", "test"}

    def test_interrupted_trial_goes_on(self, plan, stub, tmp_path):
        plan = plan(trials=3)
        calls = []

        def scores_of(config):
            calls.append(config["seed"])
            yield 5.0
            if len(calls) == 2:
                raise KeyboardInterrupt
            yield 4.0

        stub(scores_of)
        with pytest.raises(KeyboardInterrupt):
            worker.work(plan)
        study = studies.load_study(tmp_path / "out")
        assert states(study) == [COMPLETE, TrialState.WAITING, TrialState.WAITING]
        worker.work(plan)
        assert states(study) == 3 * [COMPLETE]
        assert sorted(calls) == sorted([*set(calls), calls[1]])

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("damaged")])
    def test_what_is_not_due_to_the_trial_ends_no_trial(self, plan, stub, tmp_path, error):
        def scores_of(config):
            raise error

        stub(scores_of)
        with pytest.raises(type(error), match="trial_0000: "):
            worker.work(plan())
        assert states(studies.load_study(tmp_path / "out")) == 2 * [TrialState.WAITING]

    def test_diverging_trial_fails_by_itself(self, plan, stub, tmp_path):
        def scores_of(config):
            if config["training"]["momentum"] == 0.9:
                raise TrainingDiverged("loss was\nnot finite")
            return [2.0]

        stub(scores_of)
        worker.work(plan(trials=6))
        found = studies.outcomes(studies.load_study(tmp_path / "out"))
        for outcome in found:
            diverged = outcome.params["momentum"] == 0.9
            expected = (FAIL, "loss was not finite") if diverged else (COMPLETE, None)
            assert (outcome.state, outcome.reason) == expected
        assert {outcome.state for outcome in found} == {FAIL, COMPLETE}

    def test_without_a_finite_score(self, plan, stub, tmp_path):
        stub(lambda config: [np.inf, np.nan])
        worker.work(plan(trials=1))
        (outcome,) = studies.outcomes(studies.load_study(tmp_path / "out"))
        assert (outcome.state, outcome.reason) == (FAIL, NO_SCORE)

    def test_trial_that_is_too_large_twice_fails(self, plan, stub, tmp_path):
        calls = []

        def scores_of(config):
            calls.append(config["seed"])
            if len(calls) < 4:
                raise RuntimeError("RESOURCE_EXHAUSTED")
            return [1.0]

        stub(scores_of)
        worker.work(plan())
        found = studies.outcomes(studies.load_study(tmp_path / "out"))
        assert [outcome.state for outcome in found] == [FAIL, COMPLETE]
        assert found[0].reason == "RuntimeError: RESOURCE_EXHAUSTED"
        assert len(calls) == 4

    def test_trial_that_kills_its_processes_fails(self, plan, stub, tmp_path, monkeypatch):
        monkeypatch.setattr(worker, "MOST_ATTEMPTS", 3)

        def scores_of(config):
            raise KeyboardInterrupt

        stub(scores_of)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                worker.work(plan(trials=1))
        worker.work(plan(trials=1))
        (outcome,) = studies.outcomes(studies.load_study(tmp_path / "out"))
        assert outcome.reason.startswith("started 3 times and never ended")

    def test_result_of_a_process_that_was_taken_for_dead_is_refused(self, plan, stub, tmp_path):
        calls = []

        def scores_of(config):
            calls.append(config["seed"])
            if len(calls) == 1:
                study = studies.load_study(tmp_path / "out")
                study.tell(0, state=FAIL)  # by another process
            return [float(len(calls))]

        stub(scores_of)
        worker.work(plan(trials=1))
        study = studies.load_study(tmp_path / "out")
        assert [trial.state for trial in study.trials] == [FAIL, COMPLETE]
        assert studies.outcomes(study)[0].value == 2.0

    @pytest.fixture
    def journal(self, tmp_path):
        """Faster than a database, where there are many trials."""
        return f"journal:{tmp_path / 'out' / 'study.journal'}"

    @pytest.mark.parametrize("pruner", ["median", "hyperband"])
    def test_hopeless_trials_are_pruned(self, plan, stub, tmp_path, journal, pruner):
        stub(lambda config: [config["training"]["step_rate"] + 1 / n for n in range(1, 10)])
        worker.work(plan("--pruner", pruner, "--storage", journal, trials=12))
        found = studies.outcomes(studies.load_study(tmp_path / "out", journal))
        pruned = {outcome.params["step_rate"] for outcome in found if outcome.state == PRUNED}
        complete = {outcome.params["step_rate"] for outcome in found if outcome.state == COMPLETE}
        assert 0.001 in complete
        assert pruned

    def test_tpe_learns_from_what_has_ended(self, plan, stub, tmp_path, journal):
        stub(lambda config: [1000 * config["training"]["step_rate"] + config["training"]["momentum"]])
        # However often the process is started, it proposes the same.
        for trials in (5, 24):
            worker.work(plan("--sampler", "tpe", "--storage", journal, trials=trials))
        found = studies.outcomes(studies.load_study(tmp_path / "out", journal))
        late = [(o.params["step_rate"], o.params["momentum"]) for o in found[12:]]
        assert late.count((0.001, 0.0)) > 5  # by chance, one in six
        again = journal.replace("out", "again")
        worker.work(plan("--sampler", "tpe", "--out", str(tmp_path / "again"), "--storage", again, trials=12))
        repeated = studies.outcomes(studies.load_study(tmp_path / "again", again))
        assert [o.params for o in repeated] == [o.params for o in found[:12]]

    def test_other_divergences_are_compared_by_their_bounds(self, plan, stub, tmp_path, monkeypatch):
        stub(lambda config: [1.0])
        monkeypatch.setattr(worker, "score", lambda *_, **__: {"bound": {"per_step": 9.0}})
        worker.work(plan("--also", "kl", model="vrae", trials=1))
        assert studies.outcomes(studies.load_study(tmp_path / "out"))[0].value == 9.0
