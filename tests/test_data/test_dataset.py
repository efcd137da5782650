import dataclasses
import hashlib
import struct

import numpy as np
import pytest
from pytensor import config

from breze_like.data import Dataset, digest


def reference_digest(rolls):
    """The definition, bit by bit."""
    content = b""
    for roll in rolls:
        content += struct.pack("<II", len(roll), len(roll[0]))
        for step in roll:
            bits = "".join(map(str, step))
            bits += "0" * (-len(bits) % 8)
            content += bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return hashlib.sha256(content).hexdigest()


def test_digest_of_binary_data(rng):
    rolls = [rng.integers(0, 2, (n, 88)) for n in (3, 1, 7)]
    expected = reference_digest([roll.tolist() for roll in rolls])
    for dtype in (np.uint8, np.int64, bool):
        assert digest([roll.astype(dtype) for roll in rolls]) == expected
    assert digest(rolls[::-1]) != expected


def test_digest_of_real_values():
    sequence = np.array([[0.5, -1.0], [2.0, 3.0]])
    content = struct.pack("<II4f", 2, 2, 0.5, -1, 2, 3)
    expected = hashlib.sha256(content).hexdigest()
    assert digest([sequence]) == digest([sequence.astype(np.float32)]) == expected


def test_binary_data(splits):
    as_integers = {key: [roll.astype(int) for roll in sequences] for key, sequences in splits.items()}
    dataset = Dataset("mine", **as_integers)
    assert dataset.binary and dataset.n_features == 88 and dataset.verified is None
    assert dataset.test[2].dtype == np.uint8
    assert dataset.digests == {key: digest(sequences) for key, sequences in splits.items()}


def test_real_valued_data(rng):
    sequences = [rng.normal(size=(n, 2)).astype(np.float32) for n in (4, 3)]
    dataset = Dataset("mine", sequences, sequences, sequences)
    assert not dataset.binary and dataset.n_features == 2
    assert dataset.train[0].dtype == config.floatX
    assert np.array_equal(dataset.train[0], sequences[0])


def test_cannot_be_altered(splits):
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dataset("mine", **splits).train = []


@pytest.mark.parametrize(
    "change, message",
    [
        ({"valid": []}, "mine, valid must hold at least one sequence"),
        ({"test": [np.zeros((3, 87), int)]}, r"mine, test\[0\] must have 88 features, got 87"),
        ({"train": [np.full((3, 88), 2)]}, r"mine, train\[0\] must be 0 or 1, got 2"),
        ({"train": [np.full((3, 88), np.inf)]}, r"mine, train\[0\] must be finite, got inf"),
    ],
)
def test_rejects(splits, change, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", **{**splits, **change})
