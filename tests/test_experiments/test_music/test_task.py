"""What the scripts that use a trained model begin with."""

import json
import shutil

import numpy as np
import pytest

from experiments import denoise, impute, outliers, sample
from experiments.music.task import Task, changes, difference, make_parser


def options(*words, sequences=True):
    return make_parser("doc", sequences).parse_args([*map(str, words), "--out", "out"])


@pytest.mark.parametrize(
    ("name", "given", "grid"), [("chorales", None, 1), ("mine", None, 2), ("chorales", 4, 4)]
)
def test_the_grid_is_that_of_the_data(name, given, grid, run_of_rolls, tmp_path):
    shutil.copytree(run_of_rolls, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["data"]["name"] = name
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    words = [] if given is None else ["--steps-per-quarter", given]
    assert Task(options(tmp_path / "run", *words, sequences=False)).results.steps_per_quarter == grid


@pytest.mark.parametrize(("split", "n"), [("train", 6), ("valid", 3)])
def test_a_split_of_the_runs_own_data(split, n, run_of_rolls):
    assert list(Task(options(run_of_rolls, "--split", split)).sequences) == [f"{split}_{i}" for i in range(n)]
    first = Task(options(run_of_rolls, "--split", split, "--first", "2"))
    assert list(first.sequences) == [f"{split}_0", f"{split}_1"]


def test_zeros_and_ones_may_be_real_numbers(run_of_rolls, tmp_path):
    np.save(tmp_path / "a.npy", np.eye(4, 88))
    (sequence,) = Task(options(run_of_rolls, tmp_path / "a.npy")).sequences.values()
    assert sequence.dtype == np.uint8


def test_difference():
    true = [np.array([[1, 0], [1, 0]], np.uint8), np.array([[0, 1]], np.uint8)]
    made = [np.array([[1, 1], [0, 0]], np.uint8), np.array([[0, 1]], np.uint8)]
    assert difference(made, true, binary=True) == "33.33 % of the entries differ, F1 of the notes 0.667"
    silence = [t * 0 for t in true]
    assert difference(silence, silence, True) == "0.00 % of the entries differ, no notes"
    said = "50.00 % of the entries differ, 3 notes where there should be none"
    assert difference(made, silence, True) == said
    assert changes(made, true, binary=True) == "1 of 3 notes removed, 1 added"
    assert changes([np.ones((2, 2))], [np.eye(2)], binary=False) == "mean squared difference 0.5"
    assert difference([np.ones((2, 2))], [np.eye(2)], binary=False) == "mean squared difference 0.5"


@pytest.mark.slow
@pytest.mark.usefixtures("loaded_once")
@pytest.mark.parametrize(("model", "data"), [("vrae", "small_data"), ("vosp", "real_data")])
def test_models_with_latents_in_every_script(model, data, untrained_run, request, tmp_path):
    run = untrained_run(model, request.getfixturevalue(data))
    for script, words in (
        (denoise, ["--noise", "0.1"]),
        (impute, ["--missing", "1:2", "--rounds", "2"]),
        (impute, ["--missing", "1:2", "--rounds", "2", "--draws", "2"]),
        (sample, ["--n-steps", "3"]),
        (outliers, ["--estimator", "importance_sampled"]),
    ):
        assert script.main([str(run), "--out", str(tmp_path), *words]) == 0
    kinds = ["_noisy.npy", "_denoised.npy", "_imputed.npy", "_draw_1.npy"]
    for name in (*(f"test_0{kind}" for kind in kinds), "sample_3.npy"):
        assert np.isfinite(np.load(tmp_path / name)).all()
    assert (tmp_path / "outliers.csv").is_file()


@pytest.mark.slow
def test_a_vosp_goes_on_and_a_vrae_does_not(small_data, untrained_run, tmp_path, capsys, complaint):
    words = ["--prefix", tmp_path / "a.npy", "--n-steps", "2", "--out", tmp_path]
    np.save(tmp_path / "a.npy", np.eye(4, 88, dtype=int))
    assert sample.main([str(word) for word in (untrained_run("vosp", small_data), *words)]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "sample_0.npy")[:4], np.eye(4, 88))
    capsys.readouterr()
    message = "prefix must be None for a VRAE, which does not run forward"
    words[-1] = tmp_path / "other"
    assert message in complaint(sample, [untrained_run("vrae", small_data), *words])


def test_changes_where_something_is_missing():
    given, made = [np.array([[1, np.nan], [0, np.nan]])], [np.array([[0, 1], [1, 0]])]
    expected = "1 of 1 notes removed, 1 added, 1 in place of missing entries"
    assert changes(made, given, binary=True) == expected
