"""Reports: what is valid stands in the table, what is not below it. And what happens to a run's scores."""

import json
import os
import shutil
import signal
import subprocess
import sys
import termios

import pytest

from breze_like import Run, data
from experiments import evaluate
from experiments.command_line.commands import portable
from experiments.evaluate import as_markdown, as_text
from experiments.paper import results


@pytest.fixture(params=["exact", "independent_increments"])
def result(request):
    names = ("bound", "kl", "reconstruction", "objective", "importance_sampled")
    return {
        "run": "runs/first",
        "split": "test",
        "n_samples": 50,
        "config": {
            "model": "vrae",
            "arguments": {"kl": request.param},
            "seed": 1,
            "data": {"name": "chorales", "verified": True},
            "command": ["/somewhere/train.py", "--out", "/somewhere/first"],
            "versions": {"numpy": "2.0"},
        },
        "log": [{"epoch": 2, "update": 26, "seconds": 60.0}],
        "scores": {name: {"per_step": i + 0.125, "per_sequence": i + 0.25} for i, name in enumerate(names)},
    }


def test_the_published_objective_is_not_in_the_table(result):
    table = [line for line in as_markdown(result).splitlines() if line.startswith("|")]
    published = "published objective, not a bound: 3.125 per step, 3.250 per sequence"
    if result["config"]["arguments"]["kl"] == "exact":
        assert "| training objective | <3.125 | <3.250 |" in table
        assert "published" not in as_markdown(result) + as_text(result)
    else:
        assert not any("objective" in line or "3.1" in line for line in table)
        assert f"\n\nP{published[1:]}.\n\n" in as_markdown(result)
        assert as_text(result).splitlines()[-1] == published


def test_what_has_collapsed_is_said_below_the_table(result, small_data):
    dataset = data.load(small_data)
    result["config"]["training"] = {"annealing_updates": 3}
    assert "warning" not in results.with_warning(result, dataset)
    result["scores"]["objective"] |= {"per_step": 99.0}
    warned = results.with_warning(result, dataset)
    (line,) = [line for line in as_text(warned).splitlines() if line.startswith("warning: ")]
    assert "no better than independent notes" in line
    assert f"\n\nW{line[1:]}.\n\n" in as_markdown(warned)


def test_bounds_are_marked(result):
    table = as_markdown(result)
    assert "| variational bound, exact divergence | <0.125 | <0.250 |" in table
    assert "| importance sampled, 50 draws | <4.125 | <4.250 |" in table
    assert "| its divergence | 1.125 | 1.250 |" in table


def test_commands_are_those_of_the_script_that_made_the_run():
    command = ["/somewhere/experiments/table1.py", "--data-dir", "/private", "--seed", "2", "--out", "/tmp/a"]
    command += ["--report", "/tmp/report.md"]
    assert portable(command) == "python -m experiments.table1 --seed 2 --out runs/a"


def test_estimates_have_their_errors(result):
    result["scores"]["importance_sampled"] |= {
        "per_step_standard_error": 0.02,
        "per_sequence_standard_error": 0.0004,
        "n_draws": 50,
        "effective_draws": {"min": 1.0, "median": 3.25},
    }
    assert "| importance sampled, 50 draws | <4.125 ± 0.020 | <4.250 ± 0.0004 |" in as_markdown(result)
    lines = as_text(result).splitlines()
    head, (bound,), (weighted,) = (
        lines[1],
        *([line for line in lines if line.startswith(name)] for name in ("variational", "importance")),
    )
    for title, written in (
        ("per step", ("<0.125", "<4.125 ± 0.020")),
        ("per sequence", ("<0.250", "<4.250")),
    ):
        end = head.index(title) + len(title)
        assert bound[:end].endswith(written[0])
        assert weighted[end - 6 :].startswith(written[1])
    assert "effective draws per sequence, out of 50: median 3.2, least 1.0" in lines


@pytest.fixture
def scored_run(untrained_run, small_data, tmp_path):
    """The folder of a VOSP, and its scores, which are those of another evaluation."""
    folder = tmp_path / "vosp"
    shutil.copytree(untrained_run("vosp", small_data), folder)
    run = Run(folder)
    run.append_log({"update": 1, "epoch": 1, "valid_score": 3.5, "seconds": 1.0})
    run.write_scores({"test": {"bound": {"per_step": 9.0, "per_sequence": 9.0}}})
    return folder, (folder / "scores.json").read_bytes()


def test_scores_stay_until_new_ones_are_there(scored_run, monkeypatch):
    folder, before = scored_run

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "score", stopped)
    with pytest.raises(KeyboardInterrupt):
        evaluate.main([str(folder)])
    assert (folder / "scores.json").read_bytes() == before


def test_a_folder_that_can_not_be_written_to_is_named_before_work_begins(scored_run, monkeypatch, complaint):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(results, "score", lambda *_, **__: pytest.fail("computed in vain"))
    assert "can't be written to: copy the run to a folder of your own" in complaint(evaluate, scored_run[:1])


def test_scores_of_other_draws_stand_beside_the_new_ones(scored_run, monkeypatch, capsys):
    folder, _ = scored_run

    def score(model, sequences, n_samples, progress):
        names = ("bound", "kl", "reconstruction", "objective", "importance_sampled")
        return {name: {"per_step": float(n_samples), "per_sequence": 9.0} for name in names}

    monkeypatch.setattr(results, "score", score)
    for n_draws in ("3", "5", "3"):
        evaluate.main([str(folder), "--n-draws", n_draws, "--json"])
        printed = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert printed["n_samples"] == int(n_draws) == printed["scores"]["importance_sampled"]["per_step"]
    run = Run(folder)
    for n_draws, found in ((None, 3), (2, 3), (3, 3), (4, 5), (5, 5), (6, 3)):
        result = results.describe_run(run, "test", n_draws)
        assert (result["n_samples"], result["scores"]["bound"]["per_step"]) == (found, found)
        assert "other_draws" not in result


@pytest.mark.slow
def test_ctrl_c_between_draws(scored_run):
    folder, before = scored_run
    command = [sys.executable, "-m", "experiments.evaluate", str(folder), "--n-draws", "100000000"]
    terminal, other_end = os.openpty()  # where there is a bar
    termios.tcsetwinsize(other_end, (24, 100))
    process = subprocess.Popen(command, stderr=other_end, stdout=subprocess.PIPE, text=True)
    os.close(other_end)
    err = ""
    try:
        while "frame/s]" not in err.split("?frame/s]")[-1]:  # the bar has moved
            err += (said := os.read(terminal, 1024).decode(errors="replace"))
            assert said, f"ended before it was stopped: {err}"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        err += os.read(terminal, 65536).decode(errors="replace")
    finally:
        process.kill()
        os.close(terminal)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == (
        "stopped; scores printed above are saved, others are unchanged; run the same command to start over"
    )
    assert "Traceback" not in err
    assert (folder / "scores.json").read_bytes() == before


def test_the_number_of_draws_must_not_be_negative(complaint):
    assert complaint(evaluate, ["nothing", "--n-draws", "-1"]) == "--n-draws must not be negative, got -1"


@pytest.mark.slow
def test_scores_of_draws(scored_run, capsys):
    folder, _ = scored_run
    assert evaluate.main([str(folder), "--samples", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["scores"]
    saved = json.loads((folder / "scores.json").read_text())["test"]
    for name in ("bound", "reconstruction", "objective", "importance_sampled"):
        assert printed[name] == saved[name]
        assert saved[name]["n_draws"] == saved["n_samples"] == 3
        assert saved[name]["per_step_standard_error"] > 0
    assert set(saved["kl"]) == {"per_step", "per_sequence"}
    assert 1 <= saved["importance_sampled"]["effective_draws"]["min"] <= 3
