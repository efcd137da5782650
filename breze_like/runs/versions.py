"""Versions of the software that numbers depend on."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from breze_like import __version__
from breze_like.backends.process import n_cores

# The folder that the package lies in.
CHECKOUT = Path(__file__).resolve().parents[2]


def versions() -> dict[str, str | None]:
    """Versions of what the numbers of a run depend on, by name; None for what is not installed.

    ``"commit"`` is that of the checkout that the code lies in, and ends in ``-dirty`` if files were changed.
    ``"cores"`` are those that the process may use: XLA divides some sums among them, so last digits differ.
    """

    def version(name):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    packages = {name: version(name) for name in ("pytensor", "jax", "numpy", "climin")}
    python = {"python": platform.python_version(), "platform": platform.platform(), "cores": str(n_cores())}
    return {"breze_like": __version__, "commit": _commit(), **packages, **python}


def _commit():
    if not (CHECKOUT / ".git").exists():  # an installed copy may lie in somebody else's checkout
        return None
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
