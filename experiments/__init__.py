"""Scripts that a person runs: ``python -m experiments.NAME``."""

import sys
from pathlib import Path

from experiments.command_line import interrupts

if sys.argv[:1] == ["-m"] or "".join(sys.argv[:1]).startswith("breze-like "):
    interrupts.install()  # a script begins: before anything else is imported, which takes seconds

# Which extra of the project has a package that scripts need.
EXTRAS = {
    "matplotlib": "scripts",
    "mido": "midi",
    "optuna": "search",
    "plotly": "search",
    "psycopg": "postgres",
    "rich": "search",
    "sqlalchemy": "search",
}


def say_what_to_install(kind, error, trace):
    """One line instead of a traceback, if the only problem is that a package of an extra is missing."""
    extra = EXTRAS.get((getattr(error, "name", None) or "").partition(".")[0])
    if issubclass(kind, ModuleNotFoundError) and extra:
        checkout = (Path(__file__).resolve().parents[1] / "setup.cfg").exists()
        what = f"-e '.[jax,{extra}]'" if checkout else f"'breze_like[jax,{extra}]'"
        print(f"error: {error.name} is not installed: pip install {what}", file=sys.stderr)
    else:
        _usual(kind, error, trace)


_usual = sys.__excepthook__
sys.excepthook = sys.__excepthook__ = say_what_to_install  # PyTensor replaces one, and calls the other
