"""Reports: what is valid stands in the table, what is not below it."""

import pytest

from experiments.evaluate import as_markdown, as_text, portable


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


def test_bounds_are_marked(result):
    table = as_markdown(result)
    assert "| variational bound, exact divergence | <0.125 | <0.250 |" in table
    assert "| importance sampled, 50 draws | <4.125 | <4.250 |" in table
    assert "| its divergence | 1.125 | 1.250 |" in table


def test_commands_are_those_of_the_script_that_made_the_run():
    command = ["/somewhere/experiments/table1.py", "--data-dir", "/private", "--seed", "2", "--out", "/tmp/a"]
    command += ["--report", "/tmp/report.md"]
    assert portable(command) == "python -m experiments.table1 --seed 2 --out runs/a"
