"""The benchmark's bookkeeping, and small sizes through all of it."""

import json
from argparse import Namespace

import pytest

from experiments import benchmark
from experiments.benchmarks import parts, report
from experiments.benchmarks.process import Peer
from experiments.benchmarks.worker import Worker, WorkerFailed

SMALL = ["--n-hiddens", "3", "--batch-sizes", "2", "--n-steps", "4", "--lengths", "3", "5", "--rounds", "2"]
SMALL += ["--test-sequences", "2", "--n-members", "3", "--member-n-hidden", "2", "--member-batch-size", "2"]


class FakeWorker:
    """Answers with times that are given, or fails."""

    def __init__(self, *times, prepared=True):
        self.times, self.prepared = list(times), prepared

    def ask(self, request, **arguments):
        if (request == "prepare" and not self.prepared) or (request == "time" and not self.times):
            raise WorkerFailed("no more")
        return {"seconds": self.times.pop(0), "way": "tiles"} if request == "time" else {"seconds": 10.0}


def compare(team, rounds=3, seconds=1e9):
    options = Namespace(rounds=rounds, seconds=seconds)
    team = {name: (worker, "step") for name, worker in team.items()}
    return parts.compare(team, {"n_hidden": 5}, options, n_units=60)["systems"]


class TestCompare:
    def test_medians_and_ratios_of_rounds(self):
        systems = compare({"library": FakeWorker(1.0, 2.0, 4.0), "direct_jax": FakeWorker(3.0, 8.0, 8.0)})
        assert systems["library"]["throughput"] == 60 / 2
        assert systems["direct_jax"]["times"] == [3.0, 8.0, 8.0]
        assert systems["direct_jax"]["ratio"] == 3.0  # the median of 3, 4 and 2
        assert systems["direct_jax"]["prepare_seconds"] == 10.0

    def test_what_fails_is_said_and_the_others_go_on(self):
        team = {"library": FakeWorker(1.0, 1.0, 1.0), "pytorch": FakeWorker(2.0)}
        systems = compare({**team, "limit": FakeWorker(prepared=False)})
        assert systems["pytorch"] == systems["limit"] == {"failed": "no more"}
        assert systems["library"]["seconds"] == 1.0

    def test_without_the_first_one_there_are_no_ratios(self):
        systems = compare({"library": FakeWorker(prepared=False), "limit": FakeWorker(2.0, 2.0, 2.0)})
        assert systems["limit"]["seconds"] == 2.0
        assert "ratio" not in systems["limit"]

    def test_ends_when_time_is_up(self):
        systems = compare({"limit": FakeWorker(*[1.0] * 9)}, rounds=9, seconds=-1.0)
        assert len(systems["limit"]["times"]) == parts.LEAST_ROUNDS


class TestWorker:
    @pytest.mark.slow
    def test_takes_requests(self):
        sizes = {"model": "vosp", "n_hidden": 3, "batch_size": 2, "n_steps": 4}
        with Worker("limit") as worker:
            assert worker.ask("about")["device"] == "cpu"
            assert worker.ask("prepare", task="step", **sizes)["seconds"] > 0
            answer = worker.ask("time")
            assert (answer["seconds"] > 0, answer["way"] in ("tiles", "BLAS")) == (True, True)
            assert worker.ask("memory")["memory"] >= 0
            with pytest.raises(WorkerFailed, match="KeyError|TypeError"):
                worker.ask("prepare", task="step")
            assert worker.ask("time")["seconds"] > 0

    def test_a_process_that_ends_is_noticed(self):
        with Worker("limit") as worker:
            worker._process.kill()
            with pytest.raises(WorkerFailed, match="the process ended with status -9"):
                worker.ask("time")

    def test_what_is_not_installed_is_said(self):
        about = parts.describe(["limit", "nothing"])
        assert "numpy" in about["limit"]
        assert about["nothing"] == {
            "failed": "ModuleNotFoundError: No module named 'experiments.benchmarks.peers.nothing'"
        }


class TestReport:
    @pytest.fixture
    def results(self):
        def systems(ours, theirs):
            return compare({"library": FakeWorker(*[ours] * 3), "limit": FakeWorker(*[theirs] * 3)})

        sizes = {"model": "vrae", "n_hidden": 5, "batch_size": 2, "n_steps": 4}
        return {
            "command": "python -m experiments.benchmark --quick",
            "machine": "a machine",
            "about": {"library": {"jax": "1.0", "device": "cpu"}, "pytorch": {"failed": "not there"}},
            "parts": {
                "step": [{**sizes, "n_operations": 45e9, "systems": systems(0.5, 0.25)}],
                "length": [{**sizes, "n_steps": n, "systems": systems(0.1 * n, 0.05 * n)} for n in (4, 8)],
                "compile": [{**sizes, "cold": {"seconds": 9.0}, "warm": {"failed": "broken"}}],
            },
        }

    def test_tables(self, results):
        text = report.as_markdown(results)
        lines = [line.replace(" ", "") for line in text.splitlines()]
        assert "|vrae|5|2|0.12|0.24|0.50|180(tiles)|" in lines
        assert "|vrae|8|800.0|400.0|" in lines
        assert "|vrae|5|9.0|-|-|" in lines
        assert "- breze_like: jax 1.0, device cpu" in text
        assert "- PyTorch: not measured: not there" in text
        assert "model vrae, hidden 5, batch 2, steps 4: warm failed: broken" in text

    def test_lines(self, results):
        line = report.as_line("step", results["parts"]["step"][0])
        assert line.startswith("step: model vrae, hidden 5, batch 2, breze_like 0.12, limit 0.24")

    def test_chart(self, results):
        figure = report.chart(results)
        assert [axes.get_title() for axes in figure.axes] == ["VRAE, training step", "Training step, time"]
        drawn = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
        assert drawn == {"breze_like": [120.0], "limit": [240.0]}
        assert report.chart({"parts": {"compile": []}}) is None


class WorkerHere:
    """A worker without a process of its own, which takes seconds to start."""

    def __init__(self, system):
        self._system = Peer(system)

    def ask(self, request, **arguments):
        return json.loads(json.dumps(getattr(self._system, request)(**arguments)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def no_processes(monkeypatch):
    monkeypatch.setattr(parts, "Worker", WorkerHere)


@pytest.mark.slow
def test_small_sizes_without_the_library(no_processes, tmp_path, capsys):
    report = tmp_path / "new" / "report.md"
    parts = ["step", "evaluation", "length", "memory"]
    arguments = ["--systems", "limit", "--parts", *parts, "--json", "--report", str(report)]
    assert benchmark.main([*SMALL, *arguments]) == 0
    printed = capsys.readouterr()
    results = json.loads(printed.out)
    assert results == json.loads(report.with_suffix(".json").read_text())
    assert (
        results["options"].keys().isdisjoint({"json", "report"})
    )  # where it was written is nobody's business
    assert "--report" not in results["command"]
    assert len(printed.err.splitlines()) == sum(map(len, results["parts"].values())) == 2 * (1 + 1 + 2 + 1)
    for part in parts[:3]:
        for row in results["parts"][part]:
            assert len(row["systems"]["limit"]["times"]) == 2
    assert "## Training step" in report.read_text()
    assert report.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_small_sizes_with_all_systems(capsys):
    assert benchmark.main([*SMALL, "--lengths", "3", "--models", "vosp", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results["parts"].keys() == parts.PARTS.keys()
    (row,) = results["parts"]["step"]
    assert row["systems"]["library"]["ratio"] == 1.0
    (row,) = results["parts"]["population"]
    assert row["systems"]["one_after_another"]["ratio"] > 0
    (row,) = results["parts"]["compile"]
    assert row["warm"]["seconds"] > 0
    measured = [
        row for name in ("step", "evaluation", "length", "population") for row in results["parts"][name]
    ]
    assert not [result for row in measured for result in row["systems"].values() if "failed" in result]


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--n-hiddens", "5", "-1"], ["--seconds", "-2"]])
def test_rejects_sizes_that_are_not_positive(words):
    with pytest.raises(ValueError, match=f"^{words[0]} must be positive, got "):
        benchmark.main(words)
