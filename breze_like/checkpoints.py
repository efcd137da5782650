"""Parameters of a model on disk: checkpoints, from which training goes on, and weights, which are handed on.

Both are HDF5 files that say of which model they are, by the names and shapes of its parameters, and in which
damage is noticed. They are written whole or not at all.
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

from breze_like.files import replacing
from breze_like.parameters import ParameterSet
from breze_like.records import parse
from breze_like.stored import own, stored

CHECKPOINT = "breze_like checkpoint 1"
WEIGHTS = "breze_like weights 1"

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

    def read(file):
        arrays = {name: _array(file, name, path.stat().st_size) for name in file}
        return arrays, parse(file.attrs["attributes"], path)

    return _read(path, CHECKPOINT, "a checkpoint", parameters, read)


def _array(file, name, n_bytes):
    """An array of numbers that lies in the file, which is no smaller: nothing is compressed."""
    dataset = stored(own(file, name))
    if dataset.dtype.kind not in "fiu" or dataset.nbytes > n_bytes:
        raise ValueError(f"{name} is {dataset.dtype} {dataset.shape}, no array of numbers in the file")
    return dataset[()]


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

    def read(file):
        dataset = stored(own(file, "weights"))
        if dataset.shape != (n_parameters,) or dataset.dtype != "<f4":  # before memory is taken for it
            raise ValueError(f"its weights are {dataset.dtype} {dataset.shape}, not {n_parameters} float32")
        values = dataset[()]
        if _digest(values) != file.attrs["digest"]:
            raise ValueError("its content is not that of its digest")
        return values

    return _read(path, WEIGHTS, "a file of weights", parameters, read)


def _digest(values):
    return hashlib.sha256(values.tobytes()).hexdigest()


def _write(path, kind, parameters, datasets, **attributes):
    image = io.BytesIO()  # not the file itself: where a disk is full, HDF5 crashes
    with h5py.File(image, "w", libver=LIBVER) as file:
        file.attrs.update(format=kind, shapes=json.dumps(list(parameters.shapes.items())), **attributes)
        for name, settings in datasets.items():
            file.create_dataset(name, **settings)
    with replacing(path) as stream:
        stream.write(image.getbuffer())


def _read(path, kind, description, parameters, read):
    """What `read` makes of a file of that kind, once the file is known to be of the model."""
    try:
        with h5py.File(path) as file:
            if file.attrs["format"] != kind:
                raise ValueError(f"its format is {file.attrs['format']!r}, not {kind!r}")
            shapes = {name: tuple(shape) for name, shape in json.loads(file.attrs["shapes"])}
            if parameters is None or list(shapes.items()) == list(parameters.shapes.items()):
                return read(file)
    except Exception as error:  # HDF5, h5py and NumPy raise whatever they stumble over
        reason = " ".join(str(error).split())
        if TOO_NEW.search(reason):
            raise ValueError(
                f"{path} must be {description}, but it is damaged, or of a later version of HDF5 than "
                f"h5py has here, {h5py.version.hdf5_version}: install a later h5py ({reason})"
            ) from None
        raise ValueError(f"{path} must be {description}, but it is none: {reason}") from None
    raise ValueError(f"{path} is of another model: {_difference(shapes, parameters.shapes)}")


def _difference(found, expected):
    """The first one of two dicts of shapes, in words."""
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            there, here = (shapes.get(name, "nothing") for shapes in (found, expected))
            return f"{name!r} is {there} there and {here} here"
    return "the same parameters are in another order there"
