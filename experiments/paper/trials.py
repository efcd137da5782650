"""The list of all runs that were trained: how it is made, read and written."""

import csv
from datetime import UTC, datetime

from breze_like.files import replacing
from breze_like.runs import Run
from breze_like.training import is_finished, progress_of
from experiments.command_line.commands import portable
from experiments.command_line.tables import csv_of

COLUMNS = (
    "dataset",
    "run",
    "model",
    "divergence",
    "started",
    "minutes",
    "updates",
    "finished",
    "best_valid_score",
    "scored_on_test",
    "seed",
    "commit",
    "command",
)

# What a run is told from others by.
KEY = ("dataset", "run", "started")


def line(folder):
    """A run's line: a dict of str."""
    run = Run(folder)
    config, log = run.config, run.read_log()
    update, seconds = done(run, log)
    valid = [entry["valid_score"] for entry in log if entry["valid_score"] is not None]
    scores = run.folder / "scores.json"
    tested = run.read_scores().get("test", {})
    values = {
        "dataset": config["data"]["name"],
        "run": run.folder.resolve().name,
        "model": config["model"],
        "divergence": config["arguments"].get("kl", ""),
        "started": config.get("created") or modified(run.folder / "config.json"),
        "minutes": f"{seconds / 60:.1f}",
        "updates": update,
        "finished": "yes" if is_finished(run) else "no",
        "best_valid_score": f"{min(valid):.4f}" if valid else "",
        "scored_on_test": (tested.get("scored") or modified(scores)) if tested else "",
        "seed": config["seed"],
        "commit": config["versions"]["commit"],
        "command": portable(config["command"]),
    }
    return {name: str(value) for name, value in values.items()}


def done(run, log):
    """Updates and seconds of a run. One that was stopped between two validations has more than it logged."""
    if run.has_checkpoint:
        update, _, seconds = progress_of(run)
        return update, seconds
    return (log[-1]["update"], log[-1]["seconds"]) if log else (0, 0.0)


def modified(path):
    """When a file was written, in universal time."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def read(path):
    """The lines of a list, by what tells them apart.

    Raises
    ------
    ValueError
        If the file is no such list.
    """
    if not path.exists():
        return {}
    with open(path, newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"{path} is not a list of trials, its columns are {reader.fieldnames}: choose another file"
            )
        return {key(line): line for line in reader}


def key(line):
    return tuple(line[name] for name in KEY)


def write(lines, path):
    """Write the list, whole or not at all."""
    text = csv_of(COLUMNS, sorted(lines, key=lambda line: (line["started"], line["run"])))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as stream:
        stream.write(text.encode())
