"""Processes of this Python that do one thing apart: they start quickly, and end with whoever started them."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

# The modules of packages, without the packages' own imports, which include PyTensor.
WITHOUT_PACKAGES = """
import sys, types
for argument in sys.argv[1:]:
    name, _, path = argument.partition("=")
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
"""
PR_SET_PDEATHSIG = 1


def starting(code: str, *packages: str) -> list[str]:
    """The command that starts a process with code.

    Parameters
    ----------
    code : str
        It begins with `WITHOUT_PACKAGES`: importing this package, or one of these, imports nothing else then.
    *packages : str
        Names below this package.
    """
    root = Path(__file__).resolve().parent
    folders = {"breze_like": root, **{f"breze_like.{name}": root / name for name in packages}}
    start = [sys.executable, "-P", "-W", "ignore", "-c", code]
    return [*start, *(f"{name}={path}" for name, path in folders.items())]


def end_with(parent: int) -> None:
    """End with the process of that number, and with Ctrl-C, whatever a library does just then."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if hasattr(os, "getppid") and os.getppid() != parent:
        sys.exit(1)
