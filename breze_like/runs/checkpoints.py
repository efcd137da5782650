"""Parameters of a model on disk: checkpoints, from which training continues, and weights, to be passed on.

Both are HDF5 files that say which model they belong to, by the names and shapes of its parameters, and in
which damage is detected. They are written whole or not at all.
"""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from breze_like.data.process import Job, Limits, read_apart
from breze_like.files import replacing
from breze_like.files.stored import arrays_of, own_texts, stored_array
from breze_like.parameters import ParameterSet
from breze_like.quoting import quote
from breze_like.runs.records import parse

CHECKPOINT = "breze_like checkpoint 1"
WEIGHTS = "breze_like weights 1"

# Attributes of such files.
TEXTS = ("format", "shapes", "attributes", "digest")

# Of files of earlier versions, which are read apart: they may be as large as they like.
LIMITS = Limits(n_file_bytes=2**62, n_result_bytes=2**62)

# Of HDF5's format: with checksums of its own, and read by all versions of h5py that can be installed here.
LIBVER = ("v110", "v110")

# What HDF5 says of parts of a file that are of a later version than it knows.
TOO_NEW = re.compile(r"(bad|wrong|unknown|unsupported)[\w\s]*version", re.IGNORECASE)


def write_checkpoint(
    path: Path, parameters: ParameterSet, arrays: dict[str, NDArray], attributes: str
) -> None:
    """Write arrays and attributes, in the precision that they have.

    Parameters
    ----------
    path : Path
    parameters : ParameterSet
        Of the model; only its shapes are used.
    arrays : dict of str to ndarray
        None of them empty, or without a dimension.
    attributes : str
        JSON, at most 60 kB of it.
    """
    # The arrays' fletcher32 is a checksum.
    datasets = {name: {"data": array, "fletcher32": True} for name, array in arrays.items()}
    _write(path, CHECKPOINT, parameters, datasets, attributes=attributes)


def read_checkpoint(
    path: Path, parameters: ParameterSet | None = None
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """What `write_checkpoint` has written: arrays and attributes, both dicts.

    Parameters
    ----------
    path : Path
    parameters : ParameterSet, optional
        Of the model that it must belong to; only its shapes are used.

    Raises
    ------
    ValueError
        If it is damaged or no checkpoint, or belongs to another model.
    """
    arrays, texts = _read(path, CHECKPOINT, "a checkpoint", parameters)
    return arrays, parse(texts.get("attributes", ""), path)


def write_weights(path: Path, parameters: ParameterSet, values: ArrayLike) -> str:
    """Write a model's parameters in single precision, compressed.

    Parameters
    ----------
    path : Path
    parameters : ParameterSet
        Of the model; only its shapes are used.
    values : ndarray, shape (n_parameters,)

    Returns
    -------
    str
        The content's digest: sha256 of the numbers as little-endian float32.
    """
    values = np.asarray(values, "<f4")
    compression = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    digest = _digest(values)
    _write(path, WEIGHTS, parameters, {"weights": {"data": values, **compression}}, digest=digest)
    return digest


def read_weights(path: Path, parameters: ParameterSet) -> NDArray[np.float32]:
    """The parameters that `write_weights` has written, float32, shape (n_parameters,).

    Raises
    ------
    ValueError
        If the file is damaged or holds no weights, or those of another model.
    """
    n_parameters = sum(int(np.prod(shape)) for shape in parameters.shapes.values())

    def check(arrays, texts):
        weights = arrays["weights"]
        if weights.shape != (n_parameters,) or weights.dtype != "<f4":
            raise ValueError(f"its weights are {weights.dtype} {weights.shape}, not {n_parameters} float32")
        if isinstance(weights, np.ndarray) and _digest(weights) != texts.get("digest"):
            raise ValueError("its content is not that of its digest")

    arrays, _ = _read(path, WEIGHTS, "a file of weights", parameters, check)
    return arrays["weights"]


def _digest(values):
    return hashlib.sha256(values.tobytes()).hexdigest()


def _write(path, kind, parameters, datasets, **attributes):
    image = io.BytesIO()  # not the file itself: where a disk is full, HDF5 crashes
    with h5py.File(image, "w", libver=LIBVER) as file:
        texts = {"format": kind, "shapes": json.dumps(list(parameters.shapes.items())), **attributes}
        file.attrs.update({name: np.bytes_(text.encode()) for name, text in texts.items()})
        for name, settings in datasets.items():
            file.create_dataset(name, **settings)
    with replacing(path) as stream:
        stream.write(image.getbuffer())


def _read(path, kind, description, parameters, check=lambda arrays, texts: None):
    """Arrays and texts of a file of that kind, which is of the model; checked before and after it is read."""
    try:
        with h5py.File(path) as file:
            texts = own_texts(file, TEXTS)
            if texts is not None:
                _shapes(texts, kind)
                arrays = arrays_of(file)
                check(arrays, texts)
                arrays = {name: stored_array(array) for name, array in arrays.items()}
        if texts is None:
            arrays, texts = _read_apart(path)
        shapes = _shapes(texts, kind)
        check(arrays, texts)
    except Exception as error:  # HDF5, h5py and NumPy raise whatever they stumble over
        reason = " ".join(str(error).split())
        if TOO_NEW.search(reason):
            raise ValueError(
                f"{path} must be {description}, but it is damaged, or was written by a later version of HDF5 "
                f"than that of h5py here, {h5py.version.hdf5_version}: install a later h5py ({reason})"
            ) from None
        raise ValueError(f"{path} must be {description}, but it is not: {reason}") from None
    if parameters is not None and list(shapes.items()) != list(parameters.shapes.items()):
        raise ValueError(f"{path} belongs to another model: {_difference(shapes, parameters.shapes)}")
    return arrays, texts


def _shapes(texts, kind):
    """The shapes of parameters that a file's texts say, if they are of that kind of file."""
    if texts.get("format") != kind:
        raise ValueError(f"its format is {quote(texts.get('format'))}, not {kind!r}")
    return {name: tuple(shape) for name, shape in json.loads(texts["shapes"])}


def _read_apart(path):
    """The same of a file that may have HDF5 hang, in a process of its own; files of earlier versions may."""
    (found,) = read_apart([Job("stored", str(path.resolve()), path.stat().st_size, TEXTS)], LIMITS)
    if isinstance(found, ValueError):
        raise ValueError(str(found).replace(Limits.ADVICE, "it is damaged"))
    return dict(zip(found.about["names"], found.arrays, strict=True)), found.about["texts"]


def _difference(found, expected):
    """The first one of two dicts of shapes, in words."""
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            there, here = (shapes.get(name, "nothing") for shapes in (found, expected))
            return f"{name!r} is {there} in the file and {here} in the model"
    return "the file has the same parameters in another order"
