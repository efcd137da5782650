"""A search as a file: what is in it, and that another machine goes on from it."""

import json
import shutil

import pytest
from optuna.trial import TrialState

from breze_like import data
from breze_like.runs import Run
from breze_like.training import is_finished
from experiments import random_search
from experiments.search import studies, worker
from experiments.search.record import Record
from experiments.search.rungs import SHARES

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED


@pytest.fixture
def plan(small_data, small_space, tmp_path):
    """The plan of a search in a folder."""

    def plan(name, *more, trials=8):
        folder = tmp_path / name
        words = ["--model", "rnn", "--dataset", str(small_data), "--space", str(small_space)]
        words += ["--trials", str(trials), "--budget", "0.29", "--out", str(folder)]
        words += ["--storage", f"journal:{folder / 'study.journal'}", *more]
        return random_search.make_plan(random_search.parse(words), data.load(str(small_data)))

    return plan


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "search.json"


def opened(plan):
    return plan.open(plan.load_data())


def carried_out(plan):
    """The study of a search that has been worked on to its end."""
    worker.work(plan)
    return opened(plan)


def scores(number, rung):
    """The best ones are 5, then 2; 3 fails."""
    if number == 3:
        raise worker.TrainingDiverged("loss was not finite")
    return float((number + 3) % 8) - rung


def interrupted_at(*places):
    def score_of(*place):
        if place in places:
            raise KeyboardInterrupt
        return scores(*place)

    return score_of


class TestGoingOn:
    @pytest.mark.parametrize(
        ("stopped", "trained"),
        [
            ((4, 0), [(4, 0), (5, 0), (6, 0), (7, 0), (5, 1), (6, 1), (5, 2)]),  # nobody is at the rung yet
            ((6, 1), [(6, 1), (5, 2)]),
            ((5, 2), [(5, 2)]),
        ],
    )
    def test_elsewhere(self, plan, path, stub, stopped, trained):
        """Who goes on there has no checkpoint, but whatever is known is not asked for again."""
        stub(scores)
        undisturbed = studies.outcomes(carried_out(plan("undisturbed")))
        stub(interrupted_at(stopped))
        with pytest.raises(KeyboardInterrupt):
            worker.work(plan("here"))
        Record(path, plan("here")).write(opened(plan("here")))
        shutil.rmtree(plan("here").folder)

        there, asked = plan("there"), stub(scores)
        Record(path, there).read_into(opened(there))
        found = studies.outcomes(carried_out(there))
        assert asked == trained
        assert found == undisturbed
        assert [o.params for o in found] == [there.params(number)[0] for number in range(8)]

    def test_after_the_end(self, plan, path, stub):
        stub(scores)
        study = carried_out(plan("here"))
        Record(path, plan("here")).write(study)
        there, asked = plan("there"), stub(scores)
        study = opened(there)
        Record(path, there).read_into(study)
        assert studies.outcomes(study) == studies.outcomes(opened(plan("here")))
        assert there.is_done(carried_out(there)) and asked == []
        carried_out(plan("there", trials=9))
        assert asked == [(8, 0), (7, 1)]  # three of nine go on

    def test_where_something_is_known_already(self, plan, path, stub):
        """What is waiting is given up if the file knows more; what is known stays as it is."""
        stub(scores)
        Record(path, plan("here")).write(carried_out(plan("here")))
        there = plan("there")
        stub(lambda number, rung: scores(number, rung) if number < 2 else interrupt())
        with pytest.raises(KeyboardInterrupt):
            worker.work(there)
        for _ in range(2):
            Record(path, there).read_into(opened(there))
        asked = stub(scores)
        found = studies.outcomes(carried_out(there))
        assert asked == []
        assert found == studies.outcomes(opened(plan("here")))

    def test_the_file_never_knows_less(self, plan, path, stub):
        """Also if it is given to a search that was begun without it."""
        stub(scores)
        Record(path, plan("here")).write(carried_out(plan("here")))
        before = json.loads(path.read_text())
        there = plan("there")
        there.replenish(opened(there))
        record = Record(path, there)
        record.read_into(opened(there))
        record.write(opened(there))
        after = json.loads(path.read_text())
        assert after["configurations"] == before["configurations"]

    @pytest.mark.parametrize("more", [("--pruner", "median"), ("--pruner", "none"), ("--sampler", "tpe")])
    def test_other_searches(self, plan, path, stub, more):
        stub(scores)
        Record(path, plan("here", *more)).write(carried_out(plan("here", *more)))
        there = plan("there", *more)
        Record(path, there).read_into(opened(there))
        assert studies.outcomes(opened(there)) == studies.outcomes(opened(plan("here", *more)))
        if more == ("--pruner", "median"):
            values = [[t.intermediate_values for t in opened(p).trials] for p in (plan("here", *more), there)]
            assert values[0] == values[1]


def interrupt():
    raise KeyboardInterrupt


class TestFile:
    def test_what_is_in_it(self, plan, path, stub):
        stub(scores)
        Record(path, plan("here")).write(carried_out(plan("here")))
        content = json.loads(path.read_text())
        assert content["study"]["seed"] == 1 and content["study"]["rungs"] == list(SHARES)
        by_number = {entry["number"]: entry for entry in content["configurations"]}
        assert list(by_number) == list(range(8))
        known = {"number": 5, "params": plan("here").params(5)[0], "share": 1.0, "seconds": 5.0}
        assert by_number[5] == {**known, "scores": [0.0, -1.0, -2.0]}
        assert by_number[6]["scores"] == [1.0, 0.0] and by_number[6]["share"] == 0.25
        assert by_number[0]["scores"] == [3.0]
        assert by_number[3]["scores"] == [] and by_number[3]["failed"] == "loss was not finite"
        assert len(path.read_text().splitlines()) == 8 + 6
        assert not list(path.parent.glob(".*"))

    def test_it_is_written_only_if_there_is_something_new(self, plan, path, stub):
        record, study = Record(path, plan("here")), opened(plan("here"))
        record.write(study)
        path.unlink()
        record.write(study)
        assert not path.exists()
        stub(scores)
        record.write(carried_out(plan("here")))
        assert path.exists()

    def test_there_is_none_yet(self, plan, path):
        study = opened(plan("here"))
        Record(path, plan("here")).read_into(study)
        assert study.trials == []

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda text: text[:-9], "--record must be the file of a search, .* is not one"),
            (lambda text: "[]", "--record must be the file of a search"),
            (lambda text: text.replace("search 1", "search 9"), "its format is 'breze_like search 9'"),
            (lambda text: text.replace('"seed": 1', '"seed": 2'), "of another one: its seed is 2, not 1"),
            (lambda text: text.replace('"halving"', '"none"'), "its pruner is none, not halving"),
            (
                lambda text: text.replace('"params": {"n_hiddens": 4', '"params": {"n_hiddens": 5'),
                "from the seed",
            ),
            (lambda text: text.replace('"scores"', '"numbers"'), "--record must be the file of a search"),
        ],
    )
    def test_of_something_else(self, plan, path, stub, change, message):
        stub(scores)
        Record(path, plan("here")).write(carried_out(plan("here")))
        path.write_text(change(path.read_text()))
        there = plan("there")
        study = opened(there)
        with pytest.raises(ValueError, match=message):
            Record(path, there).read_into(study)
        assert study.trials == []


@pytest.mark.slow
def test_the_command_goes_on_in_an_empty_folder(small_data, small_space, tmp_path, capsys):
    """Trained for real: nothing is known of the runs, so who goes on begins again, to the same score."""
    path = tmp_path / "search.json"

    def run(name, trials=4):
        words = ["--model", "rnn", "--dataset", small_data, "--space", small_space, "--trials", trials]
        words += ["--budget", "0.29", "--record", path, "--out", tmp_path / name]
        assert random_search.main([str(word) for word in words]) == 0
        return capsys.readouterr().out

    run("undisturbed")
    known = json.loads(path.read_text())
    (best,) = [dict(entry) for entry in known["configurations"] if len(entry["scores"]) == 3]
    for entry in known["configurations"]:
        entry["scores"], entry["share"] = entry["scores"][:1], 1 / 16
    path.write_text(json.dumps(known))
    shutil.rmtree(tmp_path / "undisturbed")

    assert "4 of 4 done, 3 pruned" in run("moved")
    found = json.loads(path.read_text())
    (again,) = [entry for entry in found["configurations"] if len(entry["scores"]) == 3]
    assert (again["number"], again["scores"], again["share"]) == (best["number"], best["scores"], 1.0)
    (folder,) = (tmp_path / "moved").glob("trial_*")
    assert is_finished(Run(folder))
    said = run("empty")
    assert "4 of 4 done, 3 pruned" in said and "(not on this machine: its score is from" in said
    assert not list((tmp_path / "empty").glob("trial_*"))
