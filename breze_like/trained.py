"""Trained models, from the folders of their runs.

>>> run, model, dataset = load("runs/table1/chorales/vosp")
>>> run, model, dataset = load("jsb_chorales/vosp", data_dir="...")  # one that comes with the project
>>> model.save("models/own")
>>> _, model = load_model("models/own")

The configuration of a run, its config.json, has ``"model"``, a name in `MODELS`; ``"arguments"`` of that
class, see `make_model`; ``"initialization"`` and ``"training"``, those of `Initialization` and
`TrainingSettings`; ``"seed"``; ``"backend"``; ``"data"``, see `describe`; and what `Run` adds.
"""

import os
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from breze_like import data
from breze_like.data import Dataset
from breze_like.files import PathLike
from breze_like.models import MODELS
from breze_like.models.base import Model
from breze_like.models.objectives import FreeBits
from breze_like.quoting import quote, shown_path
from breze_like.runs import Run
from breze_like.training import load_parameters

# More are a mistake, and no machine's memory holds what training them needs.
MAX_PARAMETERS = 2**31

SAY_WHERE = "say where its data are, by dataset or data_dir (in scripts, --dataset FILE or --data-dir FOLDER)"


class Trained(NamedTuple):
    """A run, its model with the parameters that did best on the validation set, and its data."""

    run: Run
    model: Model
    dataset: Dataset


def load(
    folder: PathLike,
    data_dir: PathLike | None = None,
    dataset: PathLike | None = None,
    backend: str = "auto",
) -> Trained:
    """A trained run, with the data that it was trained on.

    Parameters
    ----------
    folder : str or path-like
        See `find_run`.
    data_dir, dataset : str or path-like, optional
        Where the data are now, see `find_data`. For a model that was saved, `dataset` may be any data set.
    backend : str
        Which one to use, see `load_model`.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If one of them is missing or damaged, or the data are not those that the run was trained on.
    """
    run, model = load_model(folder, backend)
    if "data" in run.config:
        return Trained(run, model, find_data(run.config["data"], folder, data_dir, dataset))
    if dataset is None:
        raise ValueError(
            f"{shown_path(folder)} is a model that was saved without data: name a data set, by dataset (in "
            "scripts, --dataset), or use load_model"
        )
    return Trained(run, model, data.load(dataset, data_dir))


def find_data(
    recorded: dict[str, Any],
    folder: PathLike,
    data_dir: PathLike | None = None,
    dataset: PathLike | None = None,
) -> Dataset:
    """The data that a run was trained on, wherever they are: they are recognised by their digests.

    Parameters
    ----------
    recorded : dict
        What the run's configuration says about them, see `describe`; its file or folder is only a hint.
    folder : str or path-like
        Name of the run in messages.
    data_dir : str or path-like, optional
        The folder that now has a file of that name, or else a standard set; by default ``$BREZE_LIKE_DATA``.
    dataset : str or path-like, optional
        In place of all this, a name, file or folder, as for `data.load`.

    Raises
    ------
    ValueError
        If they are not found, or others are found in their place.
    """
    places = [dataset] if dataset else _places(recorded, data_dir)
    if not places:
        nor = f", nor in {data_dir}" if data_dir else ""
        raise ValueError(
            f"{folder} was trained on {recorded['name']} in {recorded['file']}, where there is nothing "
            f"now{nor}: {SAY_WHERE}"
        )
    for place in places:
        found = data.load(place, data_dir)
        if found.digests == recorded["digests"]:
            return replace(found, name=recorded["name"])
    raise ValueError(
        f"data set {found.name} is not the one that {folder} was trained on: restore that one, or {SAY_WHERE}"
    )


def _places(recorded, data_dir):
    """Where the data of a configuration may be, as `data.load` takes it; for standard sets, that knows."""
    if "file" not in recorded:
        return [recorded["name"]]
    places = [before := Path(recorded["file"])]
    folder = data_dir or os.environ.get("BREZE_LIKE_DATA")
    if folder and Path(folder).name == before.name:  # a folder of sequences, and this is it
        places.insert(0, Path(folder))
    if folder:
        places.insert(0, Path(folder) / before.name)
    found = [path for path in places if path.exists()]
    return found or ([recorded["name"]] if folder and recorded["name"] in data.DIGESTS else [])


def load_model(folder: PathLike, backend: str = "auto") -> tuple[Run, Model]:
    """A trained run without its data, or what `Model.save` has written: `Run` and model.

    Parameters
    ----------
    folder : str or path-like
        See `find_run`.
    backend : str
        Which one to use, see `breze_like.backends`; by default the first one that is installed, whichever one
        the run was trained with.

    Raises
    ------
    ValueError
        If one of them is missing or damaged, or the backend is not installed.
    """
    run = find_run(folder)
    model = make_model(run.config | {"backend": backend})
    load_parameters(run, model)
    return run, model


def find_run(folder: PathLike) -> Run:
    """The `Run` in that folder or, if there is no such folder, that of the trained model with that name.

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
    names = model_names()
    near = get_close_matches(str(folder), names, 3, 0.5) or names[:3]
    told = ", ".join([*near, "..."] if len(names) > len(near) else near) or "none here"
    raise ValueError(
        f"there is no run in {folder}: give the folder of a run, with a config.json, or the name of a "
        f"trained model ({told})"
    )


def models_folder() -> Path:
    """The folder of trained models, DATASET/SYSTEM: ``$BREZE_LIKE_MODELS``, or the one in a checkout."""
    own = Path(__file__).resolve().parents[1] / "experiments" / "results" / "models"
    return Path(os.environ.get("BREZE_LIKE_MODELS") or own)


def model_names() -> list[str]:
    """Names of all trained models, sorted: a list of str."""
    folder = models_folder()
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob("*/*/config.json"))


def make_model(config: dict[str, Any]) -> Model:
    """The untrained model of a run's configuration.

    Its arguments are those of the model's class, except for ``"free_bits"``: if not 0, it gives the nats of
    `FreeBits`, which is then the objective.

    Raises
    ------
    ValueError
        If the model is unknown, or an argument is outside its range.
    """
    if not isinstance(config.get("model"), str) or config["model"] not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}, got {config.get('model')!r}")
    arguments = dict(config["arguments"])
    if nats := arguments.pop("free_bits", 0):
        if not isinstance(nats, int | float):
            raise ValueError(f"free_bits must be a number, got {quote(nats)}")
        if arguments.get("objective", "bound") not in ("bound", "free_bits"):
            got = f"{nats!r} with {arguments['objective']!r}"
            raise ValueError(f"free_bits must be 0 unless the objective is 'bound' or 'free_bits', got {got}")
        arguments["objective"] = FreeBits(nats)
    backend = config["backend"]
    with decoding_arguments(config["model"]):
        model = MODELS[config["model"]](**arguments, backend=backend)
    if model.parameters.size > MAX_PARAMETERS:
        raise ValueError(
            f"arguments must give at most {MAX_PARAMETERS} parameters, got {model.parameters.size}"
        )
    return model


@contextmanager
def decoding_arguments(of):
    """Turn errors caused by arguments with wrong types or names into a ValueError: they come from a file."""
    try:
        yield
    except ValueError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"configuration must be one for {of}, {type(error).__name__}: {reason}") from error


def describe(dataset: Dataset, given: PathLike) -> dict[str, Any]:
    """What a run's configuration says about its data; `given` is the name or path they were loaded by."""
    recorded = {"name": dataset.name, "digests": dataset.digests, "verified": dataset.verified}
    return recorded if given in data.DIGESTS else {**recorded, "file": str(Path(given).resolve())}


def bounds_nothing(config: dict[str, Any]) -> bool:
    """Whether the training objective of a run is the published one, which is not a bound."""
    return config["arguments"].get("kl") == "independent_increments"
