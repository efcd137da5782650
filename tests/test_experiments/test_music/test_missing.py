"""What a command line says is missing."""

import numpy as np
import pytest

from experiments.music.missing import find_missing

SHAPE = (6, 4)


def missing(*texts, **others):
    return find_missing(texts, SHAPE, np.random.default_rng(0), **others)


@pytest.mark.parametrize(
    ("text", "frames"), [("2:4", [2, 3]), (":2", [0, 1]), ("4:", [4, 5]), ("5:99", [5]), (":", range(6))]
)
def test_frames(text, frames):
    expected = np.zeros(SHAPE, bool)
    expected[list(frames)] = True
    np.testing.assert_array_equal(missing(text), expected)


def test_keys():
    np.testing.assert_array_equal(missing("keys:1:3"), [[False, True, True, False]] * 6)
    np.testing.assert_array_equal(missing("keys:61:63", lowest_key=60), [[False, True, True, False]] * 6)
    np.testing.assert_array_equal(missing("keys::62", lowest_key=60), [[True, True, False, False]] * 6)


def test_share():
    mask = find_missing(["share:0.3"], (500, 88), np.random.default_rng(0))
    assert mask.mean() == pytest.approx(0.3, abs=0.01)
    assert missing("share:1").all()


def test_a_mask(tmp_path, rng):
    mask = rng.random(SHAPE) < 0.5
    for values in (mask, mask.astype(int), mask * 1.0):
        np.save(tmp_path / "mask.npy", values)
        np.testing.assert_array_equal(missing(str(tmp_path / "mask.npy")), mask)


def test_all_together():
    expected = np.zeros(SHAPE, bool)
    expected[[0, 3]] = expected[:, 2] = True
    np.testing.assert_array_equal(missing(":1", "keys:2:3", "3:4"), expected)


@pytest.mark.parametrize(
    "text",
    ["", "8", "4:2", "3:3", "-1:2", "a:b", "1:2:3", "frames:1:2", "keys:", "keys:3:1", "share:", "share:0"],
)
def test_other_words(text):
    with pytest.raises(ValueError, match="--missing must be frames as 8:16, keys:60:72, share:0.1 or a .npy"):
        missing(text)


@pytest.mark.parametrize("text", ["share:1.1", "share:nan", "share:x"])
def test_shares_that_are_none(text):
    with pytest.raises(ValueError, match=rf"with a share in \(0, 1\], got '{text}'"):
        missing(text)


def test_keys_below_the_lowest():
    with pytest.raises(ValueError, match="with no empty range from 60, got 'keys:59:62'"):
        missing("keys:59:62", lowest_key=60)


@pytest.mark.parametrize("text", ["6:8", "keys:4:9"])
def test_nothing_is_missing(text):
    with pytest.raises(ValueError, match=rf"must name at least one entry, got {text} of shape \(6, 4\)"):
        missing(text)


def test_masks_that_are_none(tmp_path):
    np.save(tmp_path / "mask.npy", np.ones((5, 4)))
    with pytest.raises(ValueError, match=r"must have the shape \(6, 4\) of the sequence, got \(5, 4\)"):
        missing(str(tmp_path / "mask.npy"))
    (tmp_path / "mask.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"not a readable NumPy file .*mask\.npy"):
        missing(str(tmp_path / "mask.npy"))
