"""Denoising from the command line: what is written is what the task gives."""

import shutil

import numpy as np
import pytest

from breze_like.data import load
from breze_like.music import read_midi, write_midi
from breze_like.tasks import denoise as denoised_by
from experiments import denoise
from experiments.music.corruption import P_ON

pytestmark = pytest.mark.usefixtures("loaded_once")


@pytest.fixture
def model(run_of_rolls, loaders):
    return loaders["load_model"](run_of_rolls)[1]


@pytest.fixture
def song(rng):
    return (rng.random((6, 88)) < 0.05).astype(np.uint8)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_midi_file(run_of_rolls, model, song, tmp_path, capsys):
    write_midi(tmp_path / "song.mid", song, steps_per_quarter=2)
    words = [run_of_rolls, tmp_path / "song.mid", "--out", tmp_path / "out", "--wav"]
    assert denoise.main([str(word) for word in words]) == 0
    kinds = ["mid", "npy", "png", "wav"]
    assert names_in(tmp_path / "out") == [f"song_denoised.{kind}" for kind in kinds]
    (expected,) = denoised_by(model, [song], P_ON)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "song_denoised.npy"), expected)
    np.testing.assert_array_equal(read_midi(tmp_path / "out" / "song_denoised.mid").roll, expected)
    removed, added = (song & ~expected & 1).sum(), (expected & ~song & 1).sum()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"denoised against given: {removed} of {song.sum()} notes removed, {added} added"
    assert lines[1] == f"1 sequence in {tmp_path / 'out'} as .npy, .mid, .wav"


def test_without_the_data_of_the_run(run_of_rolls, song, tmp_path):
    """A file is enough, wherever the data that the run was trained on are now."""
    config = run_of_rolls / "config.json"
    copy = tmp_path / "run"
    shutil.copytree(run_of_rolls, copy)
    (copy / "config.json").write_text(config.read_text().replace("small.h5", "gone.h5"))
    np.save(tmp_path / "song.npy", song)
    assert denoise.main([str(copy), str(tmp_path / "song.npy"), "--out", str(tmp_path / "out")]) == 0
    with pytest.raises(ValueError, match=r"was trained on small in .*gone\.h5"):
        denoise.main([str(copy), "--out", str(tmp_path / "other")])


def test_noise_on_the_test_set(run_of_rolls, small_data, model, tmp_path):
    words = [str(run_of_rolls), "--noise", "0.3", "--seed", "3"]
    assert denoise.main([*words, "--first", "2", "--out", str(tmp_path / "one")]) == 0
    assert denoise.main([*words, "--first", "1", "--out", str(tmp_path / "two")]) == 0
    assert len(names_in(tmp_path / "one")) == 2 * (2 * 2 + 1)  # noisy and denoised, .npy and .mid; a picture
    for index, clean in enumerate(load(small_data).test[:2]):
        noisy = np.load(tmp_path / "one" / f"test_{index}_noisy.npy")
        assert (noisy >= clean).all() and 0.1 < noisy[clean == 0].mean() < 0.5
        cleaned = np.load(tmp_path / "one" / f"test_{index}_denoised.npy")
        np.testing.assert_array_equal(cleaned, denoised_by(model, [noisy], 0.3)[0])
    for name in names_in(tmp_path / "two"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_modes_as_in_the_paper(run_of_rolls, model, song, tmp_path):
    np.save(tmp_path / "song.npy", song)
    words = [run_of_rolls, tmp_path / "song.npy", "--modes", "--out", tmp_path / "out"]
    assert denoise.main([str(word) for word in words]) == 0
    made = np.load(tmp_path / "out" / "song_denoised.npy")
    np.testing.assert_array_equal(made, denoised_by(model, [song])[0])


def test_real_values(run_of_reals, rng, tmp_path, capsys):
    given = rng.normal(size=(50, 3))
    np.save(tmp_path / "a.npy", given)
    words = [run_of_reals, tmp_path / "a.npy", "--noise", "0.25", "--out", tmp_path / "out"]
    assert denoise.main([str(word) for word in words]) == 0
    assert names_in(tmp_path / "out") == ["a_denoised.npy", "a_denoised.png", "a_noisy.npy"]
    noise = np.load(tmp_path / "out" / "a_noisy.npy") - given
    assert noise.var() == pytest.approx(0.25, rel=0.3)
    assert f"noisy against given: mean squared difference {(noise**2).mean():.4g}" in capsys.readouterr().out


def test_nothing_is_overwritten(run_of_rolls, song, tmp_path, complaint):
    np.save(tmp_path / "song.npy", song)
    (tmp_path / "song_denoised.mid").write_bytes(b"before")
    words = [run_of_rolls, tmp_path / "song.npy", "--out", tmp_path]
    message = f"{tmp_path / 'song_denoised.mid'} already exists: choose another --out; --force replaces it"
    assert complaint(denoise, words) == message
    assert names_in(tmp_path) == ["song.npy", "song_denoised.mid"]
    assert (tmp_path / "song_denoised.mid").read_bytes() == b"before"
    assert denoise.main([*map(str, words), "--force"]) == 0
    assert read_midi(tmp_path / "song_denoised.mid").roll.shape == song.shape


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mid", b"", "a.mid: not a readable MIDI file: ValueError: it ends too early"),
        ("a.mid", b"\x89PNG", "a.mid: not a readable MIDI file: ValueError: it does not begin like one"),
        ("a.npy", b"<html>", "not a readable NumPy file"),
        ("a.h5", b"\x89HDF", "a.h5: not a readable HDF5 file"),
        ("a.txt", b"hello", "a.txt: must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file or a folder of"),
    ],
)
def test_files_that_are_none(name, content, message, run_of_rolls, tmp_path, complaint):
    (tmp_path / name).write_bytes(content)
    assert message in complaint(denoise, [run_of_rolls, tmp_path / name, "--out", tmp_path / "out"])
    assert names_in(tmp_path) == [name]


def test_huge_files(run_of_rolls, tmp_path, complaint):
    for name in ("a.mid", "a.npy", "a.h5"):
        message = (
            f"{name}: is larger than 100 MB: it is damaged, or huge: limits=False, or --no-limits, lifts"
        )
        with open(tmp_path / name, "wb") as file:
            file.truncate(10**10)
        assert message in complaint(denoise, [run_of_rolls, tmp_path / name, "--out", tmp_path / "out"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--noise", "1.5"], "--noise must be a probability, got 1.5"),
        (["--noise", "nan"], "--noise must be a probability, got nan"),
        (["--first", "0"], "--first must be positive, got 0"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--tempo", "0"], "tempo must be from 4 to 1000 quarter notes per minute, got 0.0"),
        (["--instrument", "200"], "instrument must be an integer from 0 to 127, got 200"),
    ],
)
def test_other_bad_input(words, message, run_of_rolls, tmp_path, complaint):
    assert complaint(denoise, [run_of_rolls, "--out", tmp_path / "out", *words]) == message
    assert not (tmp_path / "out").exists()


def test_sequences_of_another_kind(run_of_rolls, run_of_reals, tmp_path, complaint):
    np.save(tmp_path / "a.npy", np.eye(3))
    message = f"{tmp_path / 'a.npy'}: a must have 88 features, got 3"
    assert complaint(denoise, [run_of_rolls, tmp_path / "a.npy", "--out", tmp_path / "out"]) == message
    words = [run_of_reals, tmp_path / "a.npy", "--out", tmp_path / "out", "--wav"]
    assert (
        complaint(denoise, words)
        == "--wav needs piano rolls, which are binary data with 88 keys: leave it out"
    )
    words = ["nowhere", tmp_path / "a.npy", "--out", tmp_path / "out"]
    assert complaint(denoise, words).startswith("there is no run in nowhere: give the folder of a run")
