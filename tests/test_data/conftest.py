import json
import pickle

import h5py
import numpy as np
import pytest
import scipy.io

from breze_like.data import read


@pytest.fixture
def message_of():
    """What `read` complains of, a line that begins with the file's or folder's name: ``message_of(path)``."""

    def message_of(path):
        with pytest.raises(ValueError) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ") and "\n" not in message
        return message.removeprefix(f"{path}: ")

    return message_of


@pytest.fixture
def notes():
    """A small data set as its sources have it: splits of sequences of chords of MIDI notes."""
    return {
        "train": [[(21, 60, 108), (), (60,)], [(64, 67)]],
        "valid": [[(60,), (61,), (62,), (63,)]],
        "test": [[(50, 51), (50, 51)], [(108,)], [(21,)] * 5],
    }


@pytest.fixture
def splits(notes):
    """The same as piano rolls, made note by note."""
    result = {}
    for split, sequences in notes.items():
        result[split] = [np.zeros((len(sequence), 88), np.uint8) for sequence in sequences]
        for roll, sequence in zip(result[split], sequences, strict=True):
            for step, chord in enumerate(sequence):
                for note in chord:
                    roll[step, note - 21] = 1
    return result


@pytest.fixture
def write(tmp_path):
    """Write files as people have them: ``write("mine.mat", splits)``, any content."""

    def matlab(path, splits):
        content = {}
        for split, sequences in splits.items():
            content[f"{split}data"] = np.empty((1, len(sequences)), dtype=object)
            content[f"{split}data"][0, :] = sequences
        scipy.io.savemat(path, content, do_compression=True)

    def hdf5(path, groups):
        with h5py.File(path, "w") as file:
            for split, arrays in groups.items():
                group = file.create_group(split)
                for key, values in arrays.items():
                    group[key] = values

    def write(name, content, **options):
        path = tmp_path / name
        if path.suffix == ".mat":
            matlab(path, content)
        elif path.suffix == ".h5":
            hdf5(path, content)
        elif path.suffix == ".json":
            path.write_text(json.dumps(content))
        else:
            path.write_bytes(pickle.dumps(content, **options))
        return path

    return write
