"""The paper's Figure 3, from a given run and from one that is trained first."""

from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from breze_like import data
from experiments import figure3
from experiments.paper.systems import SYSTEMS


def check_pictures(folder):
    assert matplotlib.image.imread(folder / "figure3.png").shape[1] > 1000
    assert (folder / "figure3.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_of_a_run(run_of_rolls, tmp_path, capsys):
    assert figure3.main(["--run", str(run_of_rolls), "--out", str(tmp_path / "new")]) == 0
    check_pictures(tmp_path / "new")
    assert str(tmp_path / "new") in capsys.readouterr().out


@pytest.mark.slow
def test_of_two_runs(run_of_rolls, tmp_path):
    words = ["--denoiser", str(run_of_rolls), "--imputer", str(run_of_rolls), "--out", str(tmp_path / "new")]
    assert figure3.main(words) == 0
    check_pictures(tmp_path / "new")


class Perfect:
    """In place of the tasks: all is right, but that the missing frames stay empty."""

    songs = [np.eye(30, 88, dtype=np.uint8) for _ in range(3)]

    @classmethod
    def denoise(cls, model, noisy):
        assert all((n >= s).all() and n.sum() > s.sum() for n, s in zip(noisy, cls.songs, strict=False))
        return cls.songs[: len(noisy)]

    @staticmethod
    def impute(model, songs, known, rng):
        return [song * k for song, k in zip(songs, known, strict=True)]


def test_what_is_shown(monkeypatch, rng):
    monkeypatch.setattr(figure3, "denoise", Perfect.denoise)
    monkeypatch.setattr(figure3, "impute", Perfect.impute)
    figure = figure3.draw(None, None, Perfect.songs, rng)
    shown = {}
    for axes in (axes for part in figure.subfigs for axes in part.axes):
        shown.setdefault(axes.get_title(), np.asarray(axes.images[0].get_array()).T)
    noisy = next(shown[title] for title in shown if "0.05" in title)
    (denoised,) = (shown[title] for title in shown if title.startswith("denoised"))
    (errors,) = (shown[title] for title in shown if title.startswith("errors"))
    assert set(np.unique(noisy)) == {0, 1, 2}
    np.testing.assert_array_equal(denoised, Perfect.songs[0])
    np.testing.assert_array_equal(denoised, shown["clean: 30 notes"])
    assert "denoised: 0 wrong (red)" in shown and "errors: 0 wrong (red), 8 missing (blue)" in shown
    # Of eight frames, one note each: missing.
    assert np.flatnonzero(errors.any(axis=1)).tolist() == list(range(11, 19))
    assert errors.max() == 3 and (errors > 0).sum() == 8
    np.testing.assert_array_equal(shown["original"] - shown["recovered"], errors == 3)


@pytest.fixture
def few_songs(tmp_path):
    roll = [np.ones((3, 88), np.uint8)]
    data.write_hdf5(tmp_path / "few.h5", data.Dataset("few", roll, roll, roll))
    return tmp_path / "few.h5"


def test_bad_input(run_of_rolls, real_data, few_songs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = [
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--run", str(run_of_rolls), "--dataset", "chorales"], "--dataset must be the data of the run"),
        (["--run", "nowhere"], "there is no run in nowhere"),
        (["--denoiser", str(run_of_rolls)], "must be given together"),
        (["--denoiser", "x", "--imputer", "x", "--run", "x"], "and without --run"),
        (["--dataset", str(real_data)], "must be binary, .*, real is real-valued"),
        (["--dataset", str(few_songs)], "at least 3 test sequences, few has 1"),
    ]
    for words, message in bad:
        with pytest.raises(ValueError, match=message):
            figure3.main(words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_is_trained_once(small_data, tmp_path, monkeypatch):
    tiny = {"n_hiddens": [4], "n_latent": 2}
    monkeypatch.setitem(SYSTEMS, "vrae", replace(SYSTEMS["vrae"], arguments=tiny, n_updates=2))
    monkeypatch.chdir(tmp_path)
    assert figure3.main(["--dataset", str(small_data)]) == 0
    check_pictures(tmp_path / "runs" / "figures")
    checkpoint = tmp_path / "runs" / "figure3" / "small" / "checkpoint.h5"
    before = checkpoint.stat().st_mtime_ns
    (tmp_path / "runs" / "figures" / "figure3.png").unlink()
    with pytest.raises(ValueError, match=r"figure3.pdf already exists: .* --force replaces it"):
        figure3.main(["--dataset", str(small_data)])
    assert figure3.main(["--dataset", str(small_data), "--force"]) == 0
    check_pictures(tmp_path / "runs" / "figures")
    assert checkpoint.stat().st_mtime_ns == before
