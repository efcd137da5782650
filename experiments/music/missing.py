"""Which entries of sequences are missing, as written on a command line."""

import re
from pathlib import Path

import numpy as np

from breze_like.data.folders import read_files
from breze_like.quoting import quote, shown, shown_path

RULE = "frames as 8:16, keys:60:72, share:0.1 or a .npy file"


def find_missing(texts, shape, rng, lowest_key=0):
    """The entries of a sequence that are named by at least one of the texts.

    Parameters
    ----------
    texts : list of str
        ``"8:16"``: frames 8 to 15; ``"keys:60:72"``: such a range of keys, in all frames; ``"share:0.1"``:
        each entry with that probability; ``"mask.npy"``: where that array, of the sequence's shape, is not 0.
        A range without its first or last number begins at the first, or ends after the last frame or key.
    shape : tuple of int
        Of the sequence, (n_steps, n_features).
    rng : numpy.random.Generator
    lowest_key : int
        Number of the first key.

    Returns
    -------
    ndarray of bool, of that shape

    Raises
    ------
    ValueError
        If a text is none of these, or nothing is missing.
    """
    missing = np.zeros(shape, bool)
    for text in texts:
        kind, _, rest = text.partition(":")
        if text.lower().endswith(".npy"):
            missing |= _read_mask(Path(text), shape)
        elif kind == "share":
            missing |= rng.random(shape) < _share(rest, text)
        elif kind == "keys":
            missing[:, _range(rest, text, lowest_key)] = True
        else:
            missing[_range(text, text)] = True
    if not missing.any():
        raise ValueError(
            f"--missing must name at least one entry, got {shown(' '.join(texts))} of shape {shape}"
        )
    return missing


def _range(text, whole, lowest=0):
    found = re.fullmatch(r"(\d{0,9}):(\d{0,9})", text)
    first, end = (int(n) - lowest if n else None for n in found.groups()) if found else (None, None)
    if not found or (first or 0) < 0 or (end is not None and end <= (first or 0)):
        got = f" from {lowest}" if lowest else ""
        raise ValueError(f"--missing must be {RULE}, with no empty range{got}, got {quote(whole)}")
    return slice(first, end)


def _share(text, whole):
    try:
        share = float(text)
    except ValueError:
        share = np.nan
    if not 0 < share <= 1:
        raise ValueError(f"--missing must be {RULE}, with a share in (0, 1], got {quote(whole)}")
    return share


def _read_mask(path, shape):
    mask = read_files(Path(), [str(path)])[str(path)]
    if mask.shape != shape:
        raise ValueError(
            f"{shown_path(path)} must have the shape {shape} of the sequence, got {mask.shape}: choose "
            "another mask"
        )
    return mask != 0
