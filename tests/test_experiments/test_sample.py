"""Samples from the command line."""

import numpy as np
import pytest

from breze_like import RNN
from breze_like.music import read_midi, write_midi
from experiments import sample

pytestmark = pytest.mark.usefixtures("loaded_once")


def run(*words):
    assert sample.main([str(word) for word in words]) == 0


def samples_in(folder):
    return [np.load(path) for path in sorted(folder.glob("*.npy"))]


def test_new_ones(run_of_rolls, tmp_path, capsys):
    words = [run_of_rolls, "--n-steps", "6", "--n-sequences", "3", "--seed", "2", "--wav"]
    for out in ("one", "two"):
        run(*words, "--out", tmp_path / out)
    samples = samples_in(tmp_path / "one")
    assert [(s.shape, s.dtype) for s in samples] == [((6, 88), np.uint8)] * 3
    assert (samples[0] != samples[1]).any()
    np.testing.assert_array_equal(samples, samples_in(tmp_path / "two"))
    np.testing.assert_array_equal(read_midi(tmp_path / "one" / "sample_2.mid").roll, samples[2])
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        f"sample_{index}.{kind}" for index in range(3) for kind in ("mid", "npy", "png", "wav")
    ]
    assert f"3 sequences in {tmp_path / 'one'} as .npy, .mid, .wav" in capsys.readouterr().out


def test_going_on(run_of_rolls, rng, tmp_path):
    song = (rng.random((9, 88)) < 0.1).astype(np.uint8)
    write_midi(tmp_path / "song.mid", song)
    words = ["--prefix", tmp_path / "song.mid", "--prefix-steps", "4", "--n-steps", "5", "--n-sequences", "2"]
    run(run_of_rolls, *words, "--out", tmp_path / "out")
    one, two = samples_in(tmp_path / "out")
    assert one.shape == two.shape == (9, 88)
    np.testing.assert_array_equal(one[:4], song[:4])
    np.testing.assert_array_equal(two[:4], song[:4])
    assert (one[4:] != two[4:]).any()


def test_temperature(run_of_rolls, tmp_path):
    """Towards 0, all samples are the modes."""
    run(run_of_rolls, "--n-steps", "6", "--temperature", "1e-6", "--out", tmp_path)
    first, *others = samples_in(tmp_path)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_real_values(run_of_reals, tmp_path):
    run(run_of_reals, "--n-steps", "4", "--n-sequences", "1", "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample_0.npy", "sample_0.png"]
    assert samples_in(tmp_path)[0].shape == (4, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n-steps", "0"], "--n-steps must be positive, got 0"),
        (["--n-sequences", "-1"], "--n-sequences must be positive, got -1"),
        (["--prefix-steps", "0"], "--prefix-steps must be positive, got 0"),
        (["--prefix-steps", "3"], "--prefix-steps must not be given without --prefix: leave it out"),
        (["--temperature", "0"], "--temperature must be positive, got 0.0"),
        (["--temperature", "nan"], "--temperature must be positive, got nan"),
        (["--n-steps", "200000"], "roll must have at most 100000 steps, got 200000"),
        (["--prefix", "no.mid"], "no.mid: not a readable MIDI file: FileNotFoundError"),
    ],
)
def test_bad_input(words, message, run_of_rolls, tmp_path, complaint):
    assert message in complaint(sample, [run_of_rolls, "--out", tmp_path / "out", *words])
    assert not (tmp_path / "out").exists()


def test_several_sequences_are_no_prefix(run_of_rolls, small_data, tmp_path, complaint):
    message = f"--prefix must be a file with one sequence, got 3 in {small_data}: choose another"
    assert complaint(sample, [run_of_rolls, "--prefix", small_data, "--out", tmp_path / "out"]) == message


def test_nothing_is_overwritten(run_of_rolls, tmp_path, complaint):
    (tmp_path / "sample_1.wav").write_bytes(b"before")
    words = [run_of_rolls, "--out", tmp_path, "--wav"]
    message = f"{tmp_path / 'sample_1.wav'} already exists: choose another --out; --force replaces it"
    assert complaint(sample, words) == message
    assert [path.name for path in tmp_path.iterdir()] == ["sample_1.wav"]


def test_a_model_that_was_saved_is_enough(tmp_path):
    RNN(88, (2,)).save(tmp_path / "model")
    assert sample.main([str(tmp_path / "model"), "--n-steps", "4", "--out", str(tmp_path / "out")]) == 0
    assert any((tmp_path / "out").iterdir())
