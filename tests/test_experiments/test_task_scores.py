import numpy as np
import pytest

from breze_like.data import Dataset, write_hdf5
from experiments import task_scores


def test_scores(run_of_rolls, small_data, tmp_path, capsys):
    report = tmp_path / "made" / "tasks.md"
    assert task_scores.main([str(run_of_rolls), "--seeds", "2", "--report", str(report)]) == 0
    text = report.read_text()
    assert text in capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows if row[0] != "---"] == [
        "denoising",
        "noisy input, as it is",
        "rnn",
        "training marginals, knowing the noise",
        "rnn, knowing the noise",
        "imputation",
        "training marginals",
        "last known frame, calibrated",
        "last known frame, copied",
        "rnn, draws",
        "rnn, modes",
    ]
    noisy = next(row for row in rows if row[0] == "noisy input, as it is")
    assert noisy[3:] == ["100.000", "0.000"]  # of what was switched on all is left, of the truth nothing lost
    assert "python -m experiments.task_scores runs/rnn --split test --seeds 2 --report" in text
    assert str(run_of_rolls) not in text.replace(str(report), "")
    task_scores.main([str(run_of_rolls), "--seeds", "2", "--report", str(report)])
    tables = [[line for line in t.splitlines() if line[:1] == "|"] for t in (text, report.read_text())]
    assert tables[0] == tables[1]


def test_bad_input(run_of_rolls, run_of_reals, tmp_path, complaint):
    assert complaint(task_scores, [run_of_rolls, "--seeds", 0]) == "--seeds must be positive, got 0"
    assert "is real-valued" in complaint(task_scores, [run_of_reals])
    assert "in folders of different names, got rnn twice" in complaint(
        task_scores, [run_of_rolls, run_of_rolls]
    )
    assert "there is no run in" in complaint(task_scores, [tmp_path])
    report = tmp_path / "tasks.md"
    assert "must be Markdown" in complaint(task_scores, [run_of_rolls, "--report", tmp_path / "tasks.json"])
    (tmp_path / "tasks.json").write_text("[1]")
    assert "was not made by this script" in complaint(task_scores, [run_of_rolls, "--report", report])
    assert (tmp_path / "tasks.json").read_text() == "[1]"


def test_a_stopped_run_goes_on_with_the_scores_that_it_has(run_of_rolls, tmp_path, monkeypatch):
    arguments = [str(run_of_rolls), "--seeds", "2", "--report"]
    task_scores.main([*arguments, str(tmp_path / "at_once.md")])
    n_computed, score_imputation = [0], task_scores.score_imputation

    def stopping(*args):
        n_computed[0] += 1
        if n_computed[0] == 4:
            raise KeyboardInterrupt
        return score_imputation(*args)

    monkeypatch.setattr(task_scores, "score_imputation", stopping)
    report = tmp_path / "stopped.md"
    with pytest.raises(KeyboardInterrupt):
        task_scores.main([*arguments, str(report)])
    assert not report.exists()
    task_scores.main([*arguments, str(report)])
    assert n_computed == [2 * 5 + 1]
    task_scores.main([*arguments, str(report)])
    assert n_computed == [2 * 5 + 1]
    first, second = ((tmp_path / name).read_text() for name in ("at_once.md", "stopped.md"))
    assert [t for t in first.splitlines() if t[:1] == "|"] == [t for t in second.splitlines() if t[:1] == "|"]


def test_runs_of_different_data_have_tables_of_their_own(run_of_rolls, untrained_run, tmp_path, capsys):
    other = tmp_path / "other.h5"
    sequences = [np.eye(88, dtype=np.uint8)[:4]]
    write_hdf5(other, Dataset("other", sequences, sequences, sequences))
    second = untrained_run("rnn", other)
    assert task_scores.main([str(run_of_rolls), str(second), "--seeds", "1"]) == 0
    small, others = capsys.readouterr().out.split("## small, test set")[1].split("## other, test set")
    assert "| rnn, draws |" in small and "| rnn, draws |" in others
    assert small.count("| last known frame, copied |") == 1


@pytest.mark.slow
def test_a_model_with_latents(untrained_run, small_data, capsys):
    assert task_scores.main([str(untrained_run("vosp", small_data)), "--seeds", "1"]) == 0
    assert "| vosp, draws |" in capsys.readouterr().out


def test_what_no_seed_has_is_empty():
    scores = [{"a": {"nats": nats, "f1": f1}} for nats, f1 in ((None, 0.5), (None, 1.0))]
    means = task_scores.average([*scores, {"a": {"nats": None, "f1": None}}])
    assert means == {"a": {"nats": None, "f1": 0.75}}
    (row,) = task_scores.scores_table("x", {"nats": "nats", "f1": "F1"}, means).splitlines()[2:]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["a", "", "0.750"]
