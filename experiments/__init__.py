"""Scripts that a person runs: ``python -m experiments.NAME``."""

import sys

from experiments.command_line import interrupts

if sys.argv[:1] == ["-m"]:  # a script begins: before anything else is imported, which takes seconds
    interrupts.install()

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
    """One line in place of a traceback, if all that is wrong is that a package of an extra is missing."""
    extra = EXTRAS.get((getattr(error, "name", None) or "").partition(".")[0])
    if issubclass(kind, ModuleNotFoundError) and extra:
        print(f"error: {error.name} is not installed: pip install -e '.[jax,{extra}]'", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = say_what_to_install
