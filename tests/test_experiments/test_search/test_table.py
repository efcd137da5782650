"""What a search says while it goes on."""

import os

import optuna
import pytest
from optuna.trial import TrialState

from experiments.search import studies, table
from experiments.search.rungs import SHARES

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED


class TestTable:
    @pytest.fixture
    def outcomes(self):
        params = {"momentum": 0.9}
        return [
            studies.Outcome(0, params, COMPLETE, 8.5, "trial_0000", 100.0, None),
            studies.Outcome(1, params, COMPLETE, 8.25, "trial_0001", 300.0, None),
            studies.Outcome(2, params, FAIL, None, "trial_0002", 20.0, "loss [or gradient] was not finite"),
            studies.Outcome(3, params, PRUNED, 9.0, "trial_0003", 60.0, None),
            studies.Outcome(4, params, TrialState.RUNNING, None, "trial_0004", None, None),
            studies.Outcome(5, params, TrialState.RUNNING, None, "trial_0005", None, None),
            studies.Outcome(6, params, TrialState.WAITING, None, "trial_0006", None, None),
        ]

    def test_shows_all_there_is_to_know(self, outcomes):
        console = table.Console(width=120, record=True, file=open(os.devnull, "w"))
        console.print(table.trials_table("small/rnn", outcomes, {4: {1: 9.5, 2: 9.125}}, 10))
        console.file.close()
        lines = console.export_text().splitlines()
        title = "small/rnn: 4 of 10 done, 2 running, 1 failed, 1 pruned, best 8.250 (trial 1), about 5 min"
        assert lines[0].strip().startswith(title)
        rows = {line.split()[0]: line for line in lines if line.strip()}
        assert "running, 2 validations" in rows["4"]
        assert "9.125" in rows["4"]
        assert "8.250" in rows["1"] and "5 min" in rows["1"] and "momentum=0.9" in rows["1"]
        assert "loss [or gradient] was not finite" in rows["2"]
        assert "pruned" in rows["3"]
        assert "6" not in rows

    @pytest.fixture
    def at_rungs(self):
        """Of six, two go on from the first rung: one has failed on the way to the next, one is running."""
        params = {"momentum": 0.9}
        made = [
            studies.Outcome(n, params, PRUNED, 9.0 + n, f"trial_{n:04}", 10.0, None, 0, (9.0 + n,))
            for n in range(6)
        ]
        made[1] = made[1]._replace(state=FAIL, value=None, rung=1, reason="not finite", seconds=30.0)
        made[2] = made[2]._replace(state=TrialState.RUNNING, value=None, rung=1)
        return made

    def test_rungs(self, at_rungs):
        said = table.summary(at_rungs, 6, SHARES)
        assert said.startswith("1 of 2 trained to 1/4, 1 running, 1 failed, 4 pruned, about ")
        console = table.Console(width=120, record=True, file=open(os.devnull, "w"))
        console.print(table.trials_table("small/rnn", at_rungs, {2: {1: 9.5}}, 6, SHARES))
        console.file.close()
        rows = {line.split()[0]: line for line in console.export_text().splitlines() if line.strip()}
        assert "running to 1/4, 1 validations" in rows["2"]
        assert "pruned at 1/16" in rows["0"] and "9.000" in rows["0"]
        news = table.news_of(at_rungs[4], SHARES)
        assert news == "trial 4: 13.000 nats per time step after 1/16 of the updates, in 10 s"

    def test_time_left_to_the_last_rung(self, at_rungs):
        # 80 s for six sixteenths and a way of three more; at half-way to a quarter, one and a half are done.
        left = 6 / 16 + 2 * 3 / 16 + 1 * 3 / 4 - 9 / 16 - 1.5 / 16
        assert table.seconds_left(at_rungs, 6, SHARES) == pytest.approx(80 / (9 / 16) * left)

    def test_on_the_way_to_the_first_rung(self, at_rungs):
        waiting = [o._replace(state=TrialState.WAITING) for o in at_rungs[3:5]]
        on_the_way = at_rungs[0]._replace(state=TrialState.RUNNING, scores=(), value=None)
        assert table.summary([on_the_way, *waiting], 3, SHARES).startswith("2 of 3 trained to 1/16, 1 run")
        done = [at_rungs[0]._replace(state=COMPLETE, rung=2, scores=(1.0, 1.0), value=8.0), at_rungs[4]]
        assert table.summary(done, 2, SHARES) == "2 of 2 done, 1 pruned, best 8.000 (trial 0)"

    def test_time_left(self, outcomes):
        # 10 - 4 that have ended - 2 / 2, each of 120 s, on two processes.
        assert table.seconds_left(outcomes, 10) == 5 * 120 / 2
        assert table.seconds_left([], 10) is None
        assert [table.duration(s) for s in (3, 600, 10_000)] == ["3 s", "10 min", "2.8 h"]

    def test_lines_where_there_is_no_terminal(self, tmp_path, capsys):
        study = optuna.create_study()
        known = {"configuration": 0, "run": "trial_0000", "seconds": 3.0}
        waiting = optuna.create_trial(state=TrialState.WAITING, user_attrs=known)
        study.add_trial(waiting)
        console = table.Console(force_terminal=False)
        with table.showing(study, 2, console) as look:
            look("a worker was killed")
            study.tell(study.ask(), 7.5)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "a worker was killed"
        assert lines[1].startswith(
            "trial 0: 7.500 nats per time step, in 3 s; 1 of 2 done, best 7.500 (trial 0)"
        )
        assert len(lines) == 2
