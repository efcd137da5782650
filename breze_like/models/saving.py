"""A model as its class and its arguments, which are written to a folder, or kept in pickles."""

import inspect
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from breze_like.files import PathLike
from breze_like.models import MODELS
from breze_like.models.objectives import FreeBits
from breze_like.models.standardization import Standardization
from breze_like.quoting import shown, shown_path
from breze_like.runs import Run


def save(model, folder: PathLike) -> None:
    """What `Model.save` does: write a run that has only a configuration and weights, whole or not at all."""
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{shown_path(folder)} already exists: choose another folder, or remove it")
    config = _config(model)
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        Run.create(partial, config).write_weights(model.parameters, model.parameters.data)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _config(model):
    """The ``"model"``, ``"arguments"`` and ``"backend"`` that `trained.make_model` makes the model of."""
    names = {kind: name for name, kind in MODELS.items()}
    if type(model) not in names:
        raise ValueError(
            f"model must have a class in MODELS, got {type(model).__name__}: add it, or pickle the model"
        )
    arguments = dict(model.arguments)
    backend = arguments.pop("backend", "auto")
    if isinstance(arguments.get("objective"), FreeBits):
        arguments |= {"objective": "bound", "free_bits": arguments["objective"].nats}
    if isinstance(arguments.get("standardization"), Standardization):
        arguments["standardization"] = arguments["standardization"].arguments
    for name, value in arguments.items():
        if not _is_plain(value):
            raise ValueError(
                f"{name} must be given by name or as a number, so that the model can be saved, got "
                f"{shown(value)}: pickle the model"
            )
    return {"model": names[type(model)], "arguments": arguments, "backend": backend}


def _is_plain(value):
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, str | int | float | np.integer | np.floating)


def arguments_of(kind: type, positional: tuple, named: dict[str, Any]) -> dict[str, Any]:
    """All that a class is called with, by name, defaults included, also those of its base classes.

    These count as far as a class hands on what it does not name.
    """
    names, defaults = [], {}
    for of_base in _parameters(kind):
        names = names or [p.name for p in of_base if p.kind == p.POSITIONAL_OR_KEYWORD]
        defaults = {p.name: p.default for p in of_base if p.default is not p.empty} | defaults
    given = dict(zip(names, positional, strict=False))
    return {**given, **defaults, **given, **named}


def argument_names(kind: type) -> set[str]:
    """Names of all that a class can be called with; see `arguments_of`."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name for of_base in _parameters(kind) for p in of_base if p.kind in named}


def _parameters(kind):
    """The parameters of a class, then those of each base class that it hands on what it does not name."""
    for base in (b for b in kind.__mro__ if "__init__" in vars(b)):
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        yield parameters
        if inspect.Parameter.VAR_KEYWORD not in {p.kind for p in parameters}:
            break
