"""A run is a folder that holds all that is needed to repeat it, to continue it, and to judge it.

===============  =========================================================================================
config.json      what was asked for, when, and the versions that it was computed with; written once
log.jsonl        one JSON object for each validation
checkpoint.h5    arrays and counters, from which training continues as if it had never stopped
weights.h5       in place of a checkpoint: only the best parameters, of a trained model that is passed on
scores.json      results of evaluations
===============  =========================================================================================

A file is replaced completely or not at all, even if the process is killed, so readers always find a whole
file. A process that trains holds a lock, `Run.locked`, and a second one is refused.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from breze_like.files import PathLike, alone, replacing, sync
from breze_like.parameters import ParameterSet
from breze_like.runs.checkpoints import read_checkpoint, read_weights, write_checkpoint, write_weights
from breze_like.runs.records import CONFIG, DATA, ENTRY, FORMAT, OBJECT, check, parse
from breze_like.runs.versions import versions

# Seconds in which another process will have added its scores.
SCORER_PATIENCE = 60.0

FILES = ("config.json", "log.jsonl", "checkpoint.h5", "weights.h5", "scores.json")


class Run:
    """The folder of an existing run; `Run.create` makes a new one.

    Parameters
    ----------
    folder : str or path-like

    Attributes
    ----------
    folder : Path
    config : dict
        What the run was created with, ``"versions"``, the ``"format"`` of the folder, and when it was
        ``"created"``, in universal time.

    Raises
    ------
    ValueError
        If the folder does not hold a run, or one of a later format, or a field breaks its rule in `records`.
    """

    def __init__(self, folder: PathLike):
        self.folder = Path(folder)
        if not self._path("config.json").is_file():
            raise ValueError(
                f"there is no run in {self.folder}: give the folder of a run, with a config.json"
            )
        self.config = self._read_json("config.json")
        version = self.config.get("format", 0)
        if not isinstance(version, int) or version not in range(FORMAT + 1):
            raise ValueError(
                f"{self.folder} has format {version}, but this version of breze_like reads formats up to "
                f"{FORMAT}: install a later version"
            )
        check(self.config, CONFIG, self._path("config.json"))
        check(self.config.get("data", {}), DATA, self._path("config.json"), "data")

    @classmethod
    def create(cls, folder: PathLike, config: dict[str, Any], **about: Any) -> Self:
        """Begin a new run.

        Parameters
        ----------
        folder : str or path-like
            Made if it is not there.
        config : dict
            Everything needed to repeat the run, as far as it can be written as JSON.
        **about
            ``versions`` and ``created``, of a run that was computed elsewhere.

        Raises
        ------
        ValueError
            If there already is a run, or a file with that name, or another process is making one.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file; choose a folder")
        folder.mkdir(parents=True, exist_ok=True)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"created": created, "versions": versions(), **about}
        with alone(folder):
            if any((folder / name).exists() for name in FILES):
                raise ValueError(f"there is already a run in {folder}: resume it or choose another folder")
            _write_json(folder / "config.json", {**config, **about, "format": FORMAT})
        return cls(folder)

    def reconfigure(self, **changes: Any) -> None:
        """Replace entries of the configuration, in the file and in `config`."""
        config = self.config | changes
        with self.locked():
            _write_json(self._path("config.json"), config)
        self.config = config

    def locked(self) -> AbstractContextManager[None]:
        """A context in which no other process trains this run; it ends with its process.

        Raises
        ------
        ValueError
            If another process is in it; the message has its number and machine.
        """
        return alone(self.folder)

    def append_log(self, entry: dict[str, Any]) -> None:
        """Add a validation, a dict, to the log."""
        with open(self._path("log.jsonl"), "ab") as stream:
            stream.write(_json(entry).encode() + b"\n")
            sync(stream)

    def read_log(self) -> list[dict[str, Any]]:
        """All validations, a list of dicts.

        Raises
        ------
        ValueError
            If a line is damaged.
        """
        entries = [parse(line, self._path("log.jsonl")) for line in self._log_lines()]
        for entry in entries:
            check(entry, ENTRY, self._path("log.jsonl"))
        return entries

    def truncate_log(self, n_entries: int) -> None:
        """Keep the first `n_entries` validations: later ones are repeated when training is continued.

        Raises
        ------
        ValueError
            If there are fewer.
        """
        lines = self._log_lines()
        if len(lines) < n_entries:
            path = self._path("log.jsonl")
            raise ValueError(
                f"{path} has {len(lines)} entries, but the checkpoint was saved after {n_entries}: "
                "restore the log"
            )
        with replacing(self._path("log.jsonl")) as stream:
            stream.writelines(lines[:n_entries])

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to continue from."""
        return self._path("checkpoint.h5").is_file()

    def check_checkpoint(self) -> None:
        """Check that training can continue, or has not begun.

        Raises
        ------
        ValueError
            If it has, and there is no checkpoint.
        """
        if not self.has_checkpoint and (self.has_weights or self.read_log()):
            what = "the weights of a trained model" if self.has_weights else "a log of training"
            raise ValueError(
                f"{self.folder} has {what}, but no checkpoint to continue from: choose another folder"
            )

    def check_writable(self) -> None:
        """Check that files can be written.

        Raises
        ------
        ValueError
            If this process may not write in the folder.
        """
        if not os.access(self.folder, os.W_OK):
            raise ValueError(f"{self.folder} can't be written to: copy the run to a folder of your own")

    def write_checkpoint(
        self, parameters: ParameterSet, arrays: dict[str, NDArray], attributes: dict[str, Any]
    ) -> None:
        """Replace the checkpoint.

        Parameters
        ----------
        parameters : ParameterSet
            Of the model; only its shapes are used.
        arrays : dict of str to ndarray
            None of them empty, or without a dimension.
        attributes : dict
            What JSON can hold, at most 60 kB of it.
        """
        write_checkpoint(self._path("checkpoint.h5"), parameters, arrays, _json(attributes))

    def read_checkpoint(
        self, parameters: ParameterSet | None = None
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Read the checkpoint of a model.

        Parameters
        ----------
        parameters : ParameterSet, optional
            Of the model that it must belong to; only its shapes are used.

        Returns
        -------
        arrays : dict of str to ndarray
        attributes : dict

        Raises
        ------
        ValueError
            If there is none, it is damaged or was not made by this library, or belongs to another model.
        """
        if not self.has_checkpoint:
            raise ValueError(
                f"there is no checkpoint.h5 in {self.folder}: give the folder of a run that was trained"
            )
        return read_checkpoint(self._path("checkpoint.h5"), parameters)

    @property
    def has_weights(self) -> bool:
        """Whether these are what is left of training."""
        return self._path("weights.h5").is_file()

    def write_weights(self, parameters: ParameterSet, values: NDArray) -> str:
        """Write the parameters of a trained model; see `checkpoints.write_weights`."""
        return write_weights(self._path("weights.h5"), parameters, values)

    def read_weights(self, parameters: ParameterSet) -> NDArray[np.float32]:
        """Read the parameters of a trained model; see `checkpoints.read_weights`."""
        return read_weights(self._path("weights.h5"), parameters)

    def write_scores(self, scores: dict[str, Any]) -> None:
        """Replace the results of evaluations, a dict."""
        _write_json(self._path("scores.json"), scores)

    def add_scores(self, split: str, scores: dict[str, Any], join: Callable | None = None) -> None:
        """Add the results of a split, while other processes may be adding others.

        If the split already has results, `join` combines them with the new ones.
        """
        with alone(self.folder, ".scorer", SCORER_PATIENCE):
            kept = self.read_scores()
            self.write_scores({**kept, split: join(kept.get(split, {}), scores) if join else scores})

    def read_scores(self) -> dict[str, Any]:
        """The results of evaluations, a dict; empty if there are none yet.

        Raises
        ------
        ValueError
            If the file is damaged, or none.
        """
        if not self._path("scores.json").exists():
            return {}
        scores = self._read_json("scores.json")
        check(scores, dict.fromkeys(scores, OBJECT), self._path("scores.json"))
        return scores

    def _path(self, name):
        return self.folder / name

    def _log_lines(self):
        path = self._path("log.jsonl")
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        return [line for line in lines if line.endswith(b"\n")]  # a killed process may leave half a line

    def _read_json(self, name):
        if not self._path(name).is_file():
            raise ValueError(f"{self._path(name)} is not a file: restore a copy")
        return parse(self._path(name).read_bytes(), self._path(name))


def _json(value):
    return json.dumps(value, allow_nan=False, default=_plain)


def _plain(value):
    """A NumPy number or array as Python's own."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"must be something that JSON can hold, got {value!r}")


def _write_json(path, value):
    text = json.dumps(value, indent=2, allow_nan=False, default=_plain)
    with replacing(path) as stream:
        stream.write(text.encode() + b"\n")
