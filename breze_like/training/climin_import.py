r"""Import climin's optimisers on every supported Python.

climin 0.1a1 has two problems, which are dealt with here. Afterwards climin is in ``sys.modules``,
so that ``import climin`` works anywhere in the process.

- It imports the module ``imp``, which Python 3.12 removed (3.11 warns about it). It uses the module only on
  Windows, so an empty stand-in is enough, and it is there only during the import.
- Its docstrings contain escapes like ``\over``, about which Python warns when it compiles the files:
  with warnings as errors, the import would fail.
"""

import sys
import warnings
from contextlib import contextmanager
from types import ModuleType

__all__ = ["RmsProp", "decaying"]


@contextmanager
def _imp_in_place():
    """Have an empty module ``imp`` importable inside the block, unless there is one already."""
    stand_in = ModuleType("imp")
    sys.modules.setdefault("imp", stand_in)
    try:
        yield
    finally:
        if sys.modules["imp"] is stand_in:
            del sys.modules["imp"]


@contextmanager
def _escapes_ignored():
    """Silence the warning of invalid escape sequences in climin's files, and nothing else."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, SyntaxWarning):  # up to Python 3.11, from 3.12 on
            warnings.filterwarnings(
                "ignore", "invalid escape sequence", category, module=r".*[/\\]climin[/\\]"
            )
        yield


with _imp_in_place(), _escapes_ignored():
    from climin import RmsProp
    from climin.schedule import decaying
