"""Put finished runs among the trained models that come with the project.

    python -m experiments.publish runs/table1/jsb_chorales/vosp
    python -m experiments.publish runs/best --name jsb_chorales/vosp --force
    python -m experiments.publish runs/other_seed --name jsb_chorales/vosp_seed2 --scores-only

A model keeps its configuration, log and scores, and its best parameters in single precision, rounded to 16
significant bits: this makes the compressed file smaller by a quarter and changes no score by 1e-4. What only
training needs is left out. Other scripts accept its name, DATASET/SYSTEM, in place of a run's folder. Of a
further seed, where there is no room for its parameters, the scores are enough for a mean and a range.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np

from breze_like.files import file_name
from breze_like.interrupts import deferred
from breze_like.runs import Run
from breze_like.trained import find_run, load_model, models_folder
from breze_like.training import is_finished
from experiments import command_line
from experiments.command_line.arguments import Parser
from experiments.command_line.commands import portable
from experiments.paper.seeds import system_of

# All trained models together are not to be larger: they are part of every copy of the project.
MAX_MODELS_BYTES = 40_000_000

SIGNIFICANT_BITS = 16


def publish(folder, name=None, replace=False, scores_only=False):
    """Make a trained model of a finished run.

    Parameters
    ----------
    folder : str or path-like
        Of the run.
    name : str, optional
        DATASET/SYSTEM; by default the names of the data set and of the folder.
    replace : bool
        Whether to replace a model that has the name.
    scores_only : bool
        Whether to leave out the parameters; this is for seeds after the first.

    Returns
    -------
    place : Path
        The model's folder.
    digest : str or None
        Of its weights, if they are there.

    Raises
    ------
    ValueError
        If the run is not finished, or not scored on the test set, or the name is taken, none or, without
        parameters, that of a first seed, or there is no room for it.
    """
    run = find_run(folder)
    name = name or f"{file_name(run.config['data']['name'])}/{run.folder.resolve().name}"
    if not re.fullmatch(r"\w+/\w+", name):
        raise ValueError(f"--name must be DATASET/SYSTEM, in letters, digits and underscores, got {name}")
    if scores_only and name == system_of(name):
        raise ValueError(f"--scores-only is for further seeds, such as {name}_seed2, got {name}")
    if not is_finished(run):
        raise ValueError(f"{folder} is not finished: train it to the end")
    if "test" not in run.read_scores():
        raise ValueError(f"{folder} has no scores yet: run python -m experiments.evaluate {folder}")
    place = models_folder() / name
    if place.exists() and not replace:
        raise ValueError(f"{place} already has a model: replace it with --force")
    run, model = load_model(folder)
    partial, before = (place.with_name(f".{place.name}.{which}") for which in ("part", "before"))
    if before.exists() and not place.exists():  # a process was killed in between
        before.rename(place)
    for left in (partial, before):
        shutil.rmtree(left, ignore_errors=True)
    digest = write(run, None if scores_only else model, partial)
    try:
        check_room(models_folder(), size(partial) + size(models_folder(), besides=(place, partial, before)))
        with deferred():  # there is always a model in the place
            if place.exists():
                place.rename(before)
            partial.rename(place)
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return place, digest


def write(run, model, folder):
    """Write the files of a trained model, or of a run's scores; returns the digest of its weights."""
    config = run.config | {}
    versions, created = run.config["versions"], config.pop("created", None)
    _, _, module, *words = shlex.split(portable(run.config["command"]))
    del config["versions"]
    config["command"] = [f"{module.replace('.', '/')}.py", *words]
    # What the run was computed with and when, not what it is written with.
    published = Run.create(folder, config, versions=versions, created=created)
    for entry in run.read_log():
        published.append_log(entry)
    published.write_scores(run.read_scores())
    return model and published.write_weights(model.parameters, rounded(model.parameters.data))


def rounded(values):
    """The nearest numbers that have `SIGNIFICANT_BITS` bits in their significands."""
    significands, exponents = np.frexp(np.asarray(values, float))
    return np.ldexp(np.rint(np.ldexp(significands, SIGNIFICANT_BITS)), exponents - SIGNIFICANT_BITS)


def size(folder, besides=()):
    """Bytes of all files in a folder, except those in some subfolders."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if not any(b in path.parents for b in besides))


def check_room(folder, n_bytes):
    if n_bytes > MAX_MODELS_BYTES:
        raise ValueError(
            f"{folder} would grow to {n_bytes / 1e6:.1f} MB, more than {MAX_MODELS_BYTES / 1e6:.0f}: "
            "publish a smaller model, or only the --scores-only of further seeds, or remove another one"
        )


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--name", help="DATASET/SYSTEM for a single run, if its folder has another name")
    parser.add_argument("--force", action="store_true", help="replace existing models")
    parser.add_argument(
        "--scores-only", action="store_true", help="leave out the parameters of further seeds"
    )
    options = parser.parse_args(arguments)
    if options.name and len(options.runs) > 1:
        raise ValueError(f"--name is for a single run, got {len(options.runs)} runs")
    for folder in options.runs:
        place, digest = publish(folder, options.name, options.force, options.scores_only)
        what = f"digest {digest}" if digest else "only its scores"
        print(f"{folder} is in {place}, {size(place) / 1e6:.2f} MB, {what}")
    print(f"all models together: {size(models_folder()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    command_line.run(
        main, "models printed above are published; run the same command with the other runs to continue"
    )
