"""Imputation from the command line."""

import re

import numpy as np
import pytest

from breze_like.data import load
from breze_like.music import read_midi
from experiments import impute

pytestmark = pytest.mark.usefixtures("loaded_once")


def run(*words):
    assert impute.main([str(word) for word in words]) == 0


@pytest.fixture
def song(rng, tmp_path):
    song = (rng.random((8, 88)) < 0.1).astype(np.uint8)
    np.save(tmp_path / "song.npy", song)
    return song


def test_only_missing_entries_change(run_of_rolls, song, tmp_path, capsys):
    words = ["--missing", "2:5", "keys:60:62", "--out", tmp_path / "out"]
    run(run_of_rolls, tmp_path / "song.npy", *words)
    imputed = np.load(tmp_path / "out" / "song_imputed.npy")
    missing = np.zeros(song.shape, bool)
    missing[2:5] = missing[:, 60 - 21 : 62 - 21] = True
    np.testing.assert_array_equal(imputed[~missing], song[~missing])
    np.testing.assert_array_equal(read_midi(tmp_path / "out" / "song_imputed.mid").roll, imputed)
    share = 100 * (imputed != song)[missing].mean()
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"missing entries against given: {share:.2f} % of the entries differ, F1 of the notes"
    )
    assert not first.endswith("0.000") and imputed[missing].any()  # it is not silent
    nats = float(re.fullmatch(r"their probabilities: (\S+) nats for each frame .*", second)[1])
    assert 0 < nats < 88 * np.log(2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "song_imputed.mid",
        "song_imputed.npy",
        "song_imputed.png",
    ]


def test_modes_have_fewer_notes(run_of_rolls, song, tmp_path, capsys):
    """Of a model that is not sure of anything, as the paper's; they are on request."""
    words = [run_of_rolls, tmp_path / "song.npy", "--missing", "2:5", "--force", "--out", tmp_path / "out"]
    run(*words, "--modes")
    assert "nats" not in capsys.readouterr().out
    n_notes = np.load(tmp_path / "out" / "song_imputed.npy")[2:5].sum()
    run(*words)
    assert n_notes < np.load(tmp_path / "out" / "song_imputed.npy")[2:5].sum()


def test_draws_are_scored_too(run_of_rolls, song, tmp_path, capsys):
    words = [run_of_rolls, tmp_path / "song.npy", "--missing", "2:5", "--out", tmp_path / "out"]
    run(*words, "--draws", "40")
    first, second, _ = capsys.readouterr().out.splitlines()
    expectation = np.load(tmp_path / "out" / "song_expectation.npy")[2:5]
    nats = -np.log(np.where(song[2:5], expectation, 1 - expectation)).sum() / 3
    assert second == f"their probabilities: {nats:.2f} nats for each frame of which something is missing"
    assert first.startswith("missing entries of all draws against given: ")


@pytest.mark.slow
def test_where_nothing_is_known_nothing_is_scored(run_of_rolls, tmp_path, capsys):
    for more in ([], ["--draws", "2"]):
        np.save(tmp_path / "gaps.npy", np.full((3, 88), np.nan))
        run(run_of_rolls, tmp_path / "gaps.npy", "--out", tmp_path / "out", "--force", *more)
        assert "against given" not in capsys.readouterr().out


def test_draws(run_of_rolls, small_data, tmp_path):
    words = ["--missing", "share:0.5", "--draws", "3", "--rounds", "2", "--first", "1", "--seed", "7"]
    for out in ("one", "two"):
        run(run_of_rolls, *words, "--out", tmp_path / out)
    files = sorted(path.name for path in (tmp_path / "one").glob("*_draw_*"))
    assert files == [f"test_0_draw_{number}.{kind}" for number in range(3) for kind in ("mid", "npy")]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    draws = [np.load(tmp_path / "one" / name) for name in files if name.endswith(".npy")]
    variance = np.load(tmp_path / "one" / "test_0_variance.npy")
    np.testing.assert_allclose(variance, np.var(draws, axis=0), atol=1e-6)
    expectation = np.load(tmp_path / "one" / "test_0_expectation.npy")
    assert 0 <= expectation.min() and expectation.max() <= 1
    certain = (expectation == 0) | (expectation == 1)
    assert 0.3 < certain.mean() < 0.7
    for draw in draws:
        np.testing.assert_array_equal(draw[certain], load(small_data).test[0][certain])


def test_real_values(run_of_reals, rng, tmp_path):
    given = rng.normal(size=(7, 3))
    np.save(tmp_path / "a.npy", given)
    mask = rng.random((7, 3)) < 0.4
    np.save(tmp_path / "mask.npy", mask)
    run(run_of_reals, tmp_path / "a.npy", "--missing", tmp_path / "mask.npy", "--out", tmp_path / "out")
    imputed = np.load(tmp_path / "out" / "a_imputed.npy")
    np.testing.assert_array_equal(imputed[~mask], given[~mask])
    assert (imputed[mask] != given[mask]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--missing", "half"], "--missing must be frames as 8:16, keys:60:72, share:0.1 or a .npy file"),
        (["--missing", "8:10"], "--missing must name at least one entry, got 8:10 of shape (8, 88)"),
        (["--missing", "keys:10:30"], "with no empty range from 21, got 'keys:10:30'"),
        (["--missing", "no.npy"], "not a readable NumPy file no.npy"),
        (["--missing", "2:3", "--rounds", "0"], "--rounds must be positive, got 0"),
        (["--missing", "2:3", "--draws", "-2"], "--draws must be positive, got -2"),
    ],
)
def test_bad_input(words, message, run_of_rolls, song, tmp_path, complaint):
    assert message in complaint(
        impute, [run_of_rolls, tmp_path / "song.npy", "--out", tmp_path / "out", *words]
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["song_variance.npy", "song_draw_1.mid", "song_draws.png"])
def test_nothing_is_overwritten(name, run_of_rolls, song, tmp_path, complaint):
    (tmp_path / name).write_bytes(b"before")
    words = [run_of_rolls, tmp_path / "song.npy", "--missing", "2:3", "--draws", "2", "--out", tmp_path]
    assert (
        complaint(impute, words)
        == f"{tmp_path / name} already exists: choose another --out; --force replaces it"
    )
    assert (tmp_path / name).read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.npy", name]
