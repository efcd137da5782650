"""Names of files are bytes, and need not be UTF-8: results are written, and names are shown escaped."""

import os

import numpy as np
import pytest

from breze_like.data import Dataset, read, write_hdf5
from breze_like.music import write_midi
from breze_like.pictures.figures import Figure, save
from breze_like.pictures.html import element
from experiments import denoise, impute, outliers, sample
from experiments.pages.html import page
from experiments.pages.html import write as write_page

pytestmark = pytest.mark.usefixtures("loaded_once")

NAMES = ["café".encode("latin1"), "曲".encode("shift_jis"), rb"$\frac$", b"two\nlines"]


@pytest.fixture
def folder(tmp_path):
    """A folder of songs, which has such a name itself."""
    folder = tmp_path / os.fsdecode(b"\xe9t\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("names of files are UTF-8 here")
    for name in NAMES:
        write_midi(folder / f"{os.fsdecode(name)}.mid", np.eye(6, 88, dtype=np.uint8))
    return folder


@pytest.fixture
def run(finish):
    """What a script prints: ``run(script, ["run", ...])``."""

    def run(script, words):
        status, printed, said = finish(script, words)
        assert status == 0, said
        return printed

    return run


def written(folder):
    return set(os.listdir(os.fsencode(folder)))


@pytest.mark.parametrize(
    ("script", "more", "ending"),
    [
        (denoise, [], b"_denoised"),
        pytest.param(impute, ["--missing", "2:4"], b"_imputed", marks=pytest.mark.slow),
    ],
)
def test_denoise_and_impute(script, more, ending, folder, run_of_rolls, run):
    out = folder / "out"
    printed = run(script, [run_of_rolls, folder, "--out", out, *more])
    assert f"{len(NAMES)} sequences in " in printed and r"\udce9t\udce9" in printed
    assert {name + ending + kind for name in NAMES for kind in (b".npy", b".mid")} <= written(out)


def test_outliers(folder, run_of_rolls, run):
    printed = run(outliers, [run_of_rolls, folder, "--out", folder / "out"])
    for text in (printed, (folder / "out" / "outliers.csv").read_text("utf-8")):
        assert r"caf\udce9" in text


def test_sample(folder, run_of_rolls, run):
    prefix = folder / os.fsdecode(NAMES[0] + b".mid")
    run(sample, [run_of_rolls, "--prefix", prefix, "--out", folder / "out", "--n-sequences", 1])
    assert b"sample_0.npy" in written(folder / "out")


def test_data_sets(folder):
    path = folder / os.fsdecode(b"m\xe9.h5")
    rolls = [np.eye(3, 88, dtype=np.uint8)]
    write_hdf5(path, Dataset("", rolls, rolls, rolls))
    assert read(path).name == r"m\xe9"
    assert read(folder).name == r"\xe9t\xe9"
    (folder / os.fsdecode(b"\xe9\n.mid")).write_bytes(b"no song")
    with pytest.raises(
        ValueError, match=r"^.*/\\xe9t\\xe9: \\xe9\\n\.mid: not a readable MIDI file: "
    ) as caught:
        read(folder)
    assert str(caught.value).isprintable()


def test_pictures_and_pages(tmp_path):
    figure = Figure()
    figure.subplots().set(title="\udce9 $\\frac$", xlabel="$x")
    save(figure, tmp_path / "a.png")
    write_page(tmp_path / "a.html", page("\udce9", element("p", "\udce9")))
    assert r"\udce9" in (tmp_path / "a.html").read_text("utf-8")
