"""Data sets: reading, checking and verifying them, and turning them into padded batches."""

from breze_like.data.batches import chunk, minibatches, pad
from breze_like.data.dataset import SPLITS, Dataset, digest
from breze_like.data.formats import read
from breze_like.data.hdf5 import write_hdf5
from breze_like.data.library import DIGESTS, load, standard_name, verify
from breze_like.data.packing import over_batches, pack, packed
from breze_like.music import read_midi, write_midi
from breze_like.sequences import check_sequences

__all__ = [
    "DIGESTS",
    "SPLITS",
    "Dataset",
    "check_sequences",
    "chunk",
    "digest",
    "load",
    "minibatches",
    "over_batches",
    "pack",
    "packed",
    "pad",
    "read",
    "read_midi",
    "standard_name",
    "verify",
    "write_hdf5",
    "write_midi",
]
