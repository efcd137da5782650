"""Commands, as a person types them."""

import shlex
from pathlib import Path


def portable(command):
    """A script's `sys.argv` as typed elsewhere: without --data-dir, --report, --force; runs in ``runs``."""
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
