"""Data sets: reading, checking and verifying them, and turning them into padded batches."""

from breze_like.data.batches import batches_by_length, check_sequences, chunk, minibatches, pad
from breze_like.data.dataset import SPLITS, Dataset, digest
from breze_like.data.formats import read, write_hdf5
from breze_like.data.library import DIGESTS, load, standard_name, verify
from breze_like.data.midi import MidiRoll, read_midi, write_midi
from breze_like.data.packing import pack
from breze_like.data.sound import wav_bytes, write_wav

__all__ = [
    "DIGESTS",
    "SPLITS",
    "Dataset",
    "MidiRoll",
    "batches_by_length",
    "check_sequences",
    "chunk",
    "digest",
    "load",
    "minibatches",
    "pack",
    "pad",
    "read",
    "read_midi",
    "standard_name",
    "verify",
    "wav_bytes",
    "write_hdf5",
    "write_midi",
    "write_wav",
]
