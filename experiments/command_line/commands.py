"""Commands as a person types them."""

import shlex
import sys
from pathlib import Path

# How `sys.argv` begins where the installed command runs a script, followed by its name.
INSTALLED = "breze-like "


def script(name):
    """How a script is called, as the one that runs was: ``"python -m experiments.evaluate"``."""
    installed = "".join(sys.argv[:1]).startswith(INSTALLED)
    return INSTALLED + name if installed else f"python -m experiments.{name}"


def portable(command):
    """A script's `sys.argv` as typed elsewhere: without --data-dir, --report, --force; runs in ``runs``."""
    if command[0].startswith(INSTALLED):
        words = [*command[0].split(), *command[1:]]
    else:
        words = ["python", "-m", f"experiments.{Path(command[0]).stem}", *command[1:]]
    words = [word for word in words if word != "--force"]
    for name in ("--data-dir", "--report"):
        if name in words:
            place = words.index(name)
            del words[place : place + 2]
    if "--out" in words[:-1]:
        place = words.index("--out") + 1
        words[place] = f"runs/{Path(words[place]).name}"
    return shlex.join(words)
