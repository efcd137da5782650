"""The main job on a small data set, and what stands in the README."""

import json
import re
from pathlib import Path

import pytest

from experiments import table1

ROOT = Path(__file__).resolve().parents[2]


def test_bounds_are_marked():
    assert table1.cells(table1.row("a", "upper bound", 1.234, 2.0))[1:3] == ("<1.23", "<2.00")
    assert table1.cells(table1.row("a", "not a bound", 1.234, 2.0))[1:3] == ("1.23", "2.00")
    assert table1.cells(table1.row("a", "exact", 1.234, 2.0))[1:3] == ("1.23", "2.00")


def test_readme_has_the_table_of_the_results():
    table = (ROOT / "experiments" / "results" / "table1.md").read_text()
    assert table in (ROOT / "README.md").read_text()
    rows = json.loads((ROOT / "experiments" / "results" / "table1.json").read_text())
    for row in rows:
        assert " | ".join(table1.cells(row)) in table


@pytest.mark.slow
def test_main_job(small_data, tmp_path, monkeypatch):
    for system in table1.SYSTEMS.values():
        monkeypatch.setitem(system["arguments"], "n_hiddens", [4])
    command = ["--dataset", str(small_data), "--out", str(tmp_path), "--effort", "0.05"]
    assert table1.main(command) == 0
    rows = json.loads((tmp_path / "table1.json").read_text())
    kinds = [row["kind"] for row in rows]
    assert kinds.count("exact") == 2
    assert kinds.count("not a bound") == 1
    assert kinds.count("upper bound") == 2
    assert (tmp_path / "table1.png").stat().st_size > 10_000
    assert table1.main(command) == 0  # finds all runs done
    assert json.loads((tmp_path / "table1.json").read_text()) == rows


@pytest.mark.slow
def test_examples_of_the_readme_work():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    namespace = {}
    for block in blocks:
        exec(block, namespace)
    assert namespace["bound"].per_step < 10
