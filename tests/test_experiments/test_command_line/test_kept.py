import json

import numpy as np
import pytest

from experiments.command_line import kept


@pytest.fixture
def count():
    """What computes a result, and says by its attribute how often it did."""

    def compute():
        compute.n += 1
        return {"score": np.float32(0.5), "list": [1, None]}

    compute.n = 0
    return compute


def test_results_are_computed_once_for_what_they_are_of(tmp_path, count):
    path = tmp_path / "made" / "scores.json"
    for _ in range(2):
        results = kept.Kept(path)
        assert results.result(count, of="a", seed=1) == {"score": 0.5, "list": [1, None]}
        assert results.result(count, of="a", seed=2) == {"score": 0.5, "list": [1, None]}
        assert count.n == 2
    entries = json.loads(path.read_text())["results_so_far"].values()
    assert results.seconds == sum(entry["seconds"] for entry in entries)


def test_without_a_file_nothing_is_kept(count):
    kept.Kept().result(count, of="a")
    kept.Kept().result(count, of="a")
    assert count.n == 2


def test_results_of_another_version_are_computed_anew(tmp_path, count, monkeypatch):
    kept.Kept(tmp_path / "scores.json").result(count, of="a")
    monkeypatch.setattr(kept, "versions", lambda: {"commit": "another"})
    kept.Kept(tmp_path / "scores.json").result(count, of="a")
    assert count.n == 2


@pytest.mark.parametrize("damage", ["of", "seconds", "result", "versions"])
def test_what_is_damaged_counts_as_missing(tmp_path, count, damage):
    path = tmp_path / "scores.json"
    kept.Kept(path).result(count, of="a")
    content = json.loads(path.read_text())
    (entry,) = content["results_so_far"].values()
    (entry if damage in entry else entry["of"]).pop(damage)
    path.write_text(json.dumps(content))
    kept.Kept(path).result(count, of="a")
    assert count.n == 2


@pytest.mark.parametrize("text", ['{"results_so_far": {', '{"results_so_far": 3}', "other"])
def test_other_files_stay(tmp_path, text):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="scores.json"):
        kept.Kept(path)
    assert path.read_text() == text
