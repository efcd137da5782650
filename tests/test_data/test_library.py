import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breze_like.data import DIGESTS, SPLITS, Dataset, library, load, read, verify, write_hdf5

# Sequences and steps of train, valid and test, as the literature has them.
SIZES = {
    "jsb_chorales": ((229, 76, 77), (13_807, 4_602, 4_725)),
    "nottingham": ((694, 173, 170), (176_561, 45_513, 44_463)),
    "piano_midi": ((87, 12, 25), (75_911, 8_540, 19_036)),
    "musedata": ((524, 135, 124), (245_202, 82_755, 64_339)),
}


def sizes(dataset):
    splits = [getattr(dataset, split) for split in SPLITS]
    return tuple(map(len, splits)), tuple(sum(map(len, sequences)) for sequences in splits)


@pytest.fixture
def known(splits, monkeypatch):
    """The small data set, as if it were the published JSB Chorales."""
    dataset = Dataset("jsb_chorales", **splits)
    monkeypatch.setitem(DIGESTS, "jsb_chorales", dataset.digests)
    return dataset


class TestChorales:
    def test_content(self):
        dataset = load("chorales")
        assert dataset.name == "chorales" and dataset.verified and dataset.binary
        assert dataset.digests == DIGESTS["chorales"]
        assert sizes(dataset) == ((192, 64, 64), (10_355, 3_630, 3_256))
        assert dataset.n_features == 88
        assert dataset.source and dataset.licence

    def test_no_sequence_occurs_twice(self):
        dataset = load("chorales")
        contents = [roll.tobytes() for split in SPLITS for roll in getattr(dataset, split)]
        assert len(set(contents)) == len(contents)

    def test_sound_like_chorales(self):
        steps = np.concatenate(load("chorales").train)
        n_notes = np.bincount(steps.sum(axis=1))
        assert len(n_notes) == 5  # four voices
        assert n_notes[4] > 0.85 * len(steps)
        lowest, highest = np.flatnonzero(steps.any(axis=0))[[0, -1]] + 21
        assert 36 <= lowest and highest <= 81  # from C2 to A5

    def test_file_is_small(self):
        path = library._embedded_file()
        assert path.stat().st_size < 200_000

    def test_is_found_in_an_installation(self, tmp_path, monkeypatch):
        """The package alone, with the file where data_files of an installation are."""
        source = Path(library.__file__).parents[1]
        shutil.copytree(source, tmp_path / "lib" / "breze_like")
        share = tmp_path / "share" / "breze_like"
        share.mkdir(parents=True)
        shutil.copy(library._embedded_file(), share)
        code = (
            "import sysconfig; sysconfig.get_path = lambda *_: sys.argv[1]\n"
            "from breze_like.data import library, load\n"
            "print(library.__file__, load('chorales').verified)"
        )
        result = subprocess.run(
            [sys.executable, "-c", f"import sys; {code}", tmp_path],
            cwd=tmp_path / "lib",
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.split() == [
            str(tmp_path / "lib/breze_like/data/library.py"),
            "True",
        ]

    def test_says_where_it_was_looked_for(self, monkeypatch, tmp_path):
        monkeypatch.setattr(library, "__file__", str(tmp_path / "a/b/library.py"))
        monkeypatch.setattr(library.sysconfig, "get_path", lambda *_: str(tmp_path / "prefix"))
        with pytest.raises(ValueError, match="chorales.h5 must be in one of .*prefix/share/breze"):
            load("chorales")


class TestStandardSets:
    @pytest.mark.parametrize("name", SIZES)
    def test_content(self, name, standard_data):
        dataset = load(name, standard_data)
        assert dataset.name == name and dataset.verified
        assert sizes(dataset) == SIZES[name]

    def test_pickle_and_matlab_file_agree(self, standard_data):
        paths = [standard_data / "JSB Chorales.pickle", standard_data / "JSB_Chorales.mat"]
        if not all(path.is_file() for path in paths):
            pytest.skip("needs both files")
        for path in paths:
            assert load(path).verified

    def test_through_hdf5(self, standard_data, tmp_path):
        write_hdf5(tmp_path / "any.h5", load("piano_midi", standard_data))
        assert load(tmp_path / "any.h5").verified

    def test_a_changed_note_is_noticed(self, standard_data):
        dataset = load("jsb_chorales", standard_data)
        dataset.test[3][5, 40] ^= 1
        with pytest.warns(UserWarning, match="the content digest differs for test;"):
            assert verify(replace(dataset)).verified is False


class TestLoad:
    @pytest.mark.parametrize(
        "file_name",
        [
            "JSB_Chorales.mat",
            "JSB Chorales.pickle",
            "jsb_chorales.pkl",
            "jsb_chorales.h5",
            "jsb_chorales.hdf5",
            "JSB-Chorales-dataset.json",
            "jsb-chorales.json",
        ],
    )
    def test_by_name(self, file_name, known, write, notes, splits, tmp_path, monkeypatch):
        if file_name.endswith(("h5", "hdf5")):
            write_hdf5(tmp_path / file_name, known)
        else:
            write(file_name, splits if file_name.endswith("mat") else notes)
        monkeypatch.setenv("BREZE_LIKE_DATA", str(tmp_path))
        for dataset in (load("jsb_chorales"), load("jsb_chorales", tmp_path)):
            assert dataset.name == "jsb_chorales" and dataset.verified is True

    @pytest.mark.parametrize(
        "file_name, name",
        [
            ("Piano-midi.de", "piano_midi"),
            ("Piano_midi", "piano_midi"),
            ("MuseData", "musedata"),
            ("muse_data", "musedata"),
            ("Nottingham", "nottingham"),
            ("JSB Chorales", "jsb_chorales"),
            ("jsb_chorales_mine", None),
            ("chorales", None),
        ],
    )
    def test_file_names(self, file_name, name):
        assert library.standard_name(file_name) == name

    def test_argument_goes_before_environment(self, known, write, splits, tmp_path, monkeypatch):
        write("JSB_Chorales.mat", splits)
        monkeypatch.setenv("BREZE_LIKE_DATA", str(tmp_path / "elsewhere"))
        assert load("jsb_chorales", tmp_path).verified

    def test_by_path(self, known, write, notes):
        assert load(write("JSB Chorales.pickle", notes)).name == "jsb_chorales"
        assert load(str(write("JSB Chorales.pickle", notes))).verified is True
        other = load(write("mine.pickle", notes))
        assert (other.name, other.verified) == ("mine", None)

    def test_other_content_warns(self, write, notes, tmp_path):
        write("JSB Chorales.pickle", notes)
        with pytest.warns(UserWarning, match="jsb_chorales is not the published data set") as caught:
            dataset = load("jsb_chorales", tmp_path)
        assert dataset.verified is False
        assert caught[0].filename == __file__
        assert "differs for train, valid, test" in str(caught[0].message)

    def test_unknown_name(self):
        with pytest.raises(ValueError) as caught:
            load("jsb")
        assert str(caught.value) == (
            "data set must be one of chorales, jsb_chorales, nottingham, piano_midi, musedata, or "
            "a file or folder, got 'jsb', which does not exist"
        )

    def test_not_found(self, tmp_path, monkeypatch):
        monkeypatch.delenv("BREZE_LIKE_DATA", raising=False)
        advice = "to get it: python data/download.py --data-dir FOLDER musedata"
        with pytest.raises(ValueError, match=rf"--data-dir\) or \$BREZE_LIKE_DATA; {advice}"):
            load("musedata")
        with pytest.raises(ValueError, match=rf"{tmp_path}/no, which is not a folder; {advice}"):
            load("musedata", tmp_path / "no")
        (tmp_path / "Nottingham.mat").touch()
        (tmp_path / "MuseData.zip").touch()
        (tmp_path / "MuseData.mat").mkdir()
        with pytest.raises(ValueError, match=rf"musedata is not in {tmp_path} as .*; {advice}"):
            load("musedata", tmp_path)

    def test_damaged_file(self, tmp_path):
        (tmp_path / "MuseData.mat").write_bytes(b"MATLAB 5.0 MAT-file, or half of it")
        with pytest.raises(ValueError, match="MuseData.mat: not a readable MATLAB file"):
            load("musedata", tmp_path)


def test_verify_forgets_what_it_cannot_know(known):
    assert verify(known).verified is True
    assert verify(replace(known, name="mine", verified=True)).verified is None


def test_read_verifies_nothing(known, write, splits):
    assert read(write("JSB_Chorales.mat", splits)).verified is None
