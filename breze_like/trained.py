"""Trained models, from the folders of their runs.

>>> run, model, dataset = load("runs/table1/chorales/vosp")
>>> run, model, dataset = load("jsb_chorales/vosp", data_dir="...")  # one that comes with the project

The configuration of a run, its config.json, has ``"model"``, a name in `MODELS`; ``"arguments"`` of that
class, see `make_model`; ``"initialization"`` and ``"training"``, those of `Initialization` and
`TrainingSettings`; ``"seed"``; ``"backend"``; ``"data"``, see `describe`; and what `Run` adds.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from breze_like import data
from breze_like.data import Dataset
from breze_like.files import PathLike
from breze_like.models import MODELS
from breze_like.models.base import Model
from breze_like.models.objectives import FreeBits
from breze_like.runs import Run
from breze_like.training import load_parameters


class Trained(NamedTuple):
    """A run, its model with the parameters that did best on the validation set, and the data it is of."""

    run: Run
    model: Model
    dataset: Dataset


def load(folder: PathLike, data_dir: PathLike | None = None) -> Trained:
    """A trained run, with the data that it was trained on.

    Parameters
    ----------
    folder : str or path-like
        See `find_run`.
    data_dir : str or path-like, optional
        As `data.load` takes it.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If one of them is missing or damaged, or the data are not those that the run was trained on.
    """
    run, model = load_model(folder)
    recorded = run.config["data"]
    dataset = data.load(recorded.get("file", recorded["name"]), data_dir)
    if dataset.digests != recorded["digests"]:
        raise ValueError(
            f"data set {dataset.name} is not the one that {folder} was trained on: restore its data"
        )
    return Trained(run, model, dataset)


def load_model(folder: PathLike) -> tuple[Run, Model]:
    """A trained run without its data: `Run` and model.

    Parameters
    ----------
    folder : str or path-like
        See `find_run`.

    Raises
    ------
    ValueError
        If one of them is missing or damaged.
    """
    run = find_run(folder)
    model = make_model(run.config)
    load_parameters(run, model)
    return run, model


def find_run(folder: PathLike) -> Run:
    """The `Run` of that folder or, where there is no such folder, the trained model of that name.

    Parameters
    ----------
    folder : str or path-like
        A path, or the name DATASET/SYSTEM of a model in `models_folder`.

    Raises
    ------
    ValueError
        If there is neither.
    """
    for path in (Path(folder), models_folder() / folder):
        if (path / "config.json").is_file():
            return Run(path)
    names = ", ".join(model_names()) or "none here"
    raise ValueError(
        f"there is no run in {folder}: give the folder of one, with a config.json, or the name of a trained "
        f"model ({names})"
    )


def models_folder() -> Path:
    """Where trained models lie, in DATASET/SYSTEM: ``$BREZE_LIKE_MODELS``, or where a checkout has them."""
    own = Path(__file__).resolve().parents[1] / "experiments" / "results" / "models"
    return Path(os.environ.get("BREZE_LIKE_MODELS") or own)


def model_names() -> list[str]:
    """Names of all trained models, sorted: a list of str."""
    folder = models_folder()
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob("*/*/config.json"))


def make_model(config: dict[str, Any]) -> Model:
    """The untrained model of a run's configuration.

    Its arguments are those of the model's class, but for ``"free_bits"``: if not 0, these are the nats of a
    `FreeBits`, which is the objective then.

    Raises
    ------
    ValueError
        If the model is unknown, or an argument is outside its range.
    """
    if config.get("model") not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}, got {config.get('model')!r}")
    arguments = dict(config["arguments"])
    if nats := arguments.pop("free_bits", 0):
        if arguments.get("objective", "bound") not in ("bound", "free_bits"):
            got = f"{nats!r} with {arguments['objective']!r}"
            raise ValueError(f"free_bits must be 0 unless the objective is 'bound' or 'free_bits', got {got}")
        arguments["objective"] = FreeBits(nats)
    return MODELS[config["model"]](**arguments, backend=config["backend"])


def describe(dataset: Dataset, given: PathLike) -> dict[str, Any]:
    """What a run's configuration says of its data; `given` is the name or path that it was loaded by."""
    recorded = {"name": dataset.name, "digests": dataset.digests, "verified": dataset.verified}
    return recorded if given in data.DIGESTS else {**recorded, "file": str(Path(given).resolve())}


def bounds_nothing(config: dict[str, Any]) -> bool:
    """Whether the training objective of a run is the published one, which bounds nothing."""
    return config["arguments"].get("kl") == "independent_increments"
