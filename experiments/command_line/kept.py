"""Results that a long script has so far, kept in a file, so that it goes on where it was stopped."""

import hashlib
import json
import time
from pathlib import Path

from breze_like.quoting import shown_path
from breze_like.runs.records import parse
from breze_like.runs.versions import versions
from experiments.command_line.reports import check_place, write_text

# What such a file begins with.
MARK = '{"results_so_far": '


class Kept:
    """Results by what they are results of; each is in the file as soon as it has been computed.

    Results of other versions of the software count as missing.

    Parameters
    ----------
    path : str or path-like, optional
        Without it, nothing is kept.
    force : bool
        Whether any other file may be replaced.

    Attributes
    ----------
    seconds : float
        What the results took that were asked for so far, whenever they were computed.

    Raises
    ------
    ValueError
        If there is another file, or this one is not JSON.
    """

    def __init__(self, path=None, force=False):
        self._path = None if path is None else Path(path)
        if self._path is not None:
            check_place(self._path, force, MARK, "--report")
        self._versions = versions()
        self._entries = self._read()
        self.seconds = 0.0

    def result(self, compute, **of):
        """What is kept as the result of `of`, of things that JSON knows; else what `compute()` returns.

        That is made of dictionaries by strings, lists, strings and numbers, or None.
        """
        of |= {"versions": self._versions}
        digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
        if digest not in self._entries:
            started = time.monotonic()
            result = json.loads(json.dumps(compute(), default=float))  # numbers of NumPy, too
            entry = {"of": of, "result": result, "seconds": time.monotonic() - started}
            self._entries[digest] = entry
            self._write()
        self.seconds += self._entries[digest]["seconds"]
        return self._entries[digest]["result"]

    def _read(self):
        """Entries of these versions by digest; one that is damaged counts as missing."""
        text = self._path.read_text(errors="replace") if self._path and self._path.exists() else ""
        if not text.startswith(MARK):
            return {}  # there is no file, or any may be replaced
        entries = parse(text, shown_path(self._path))["results_so_far"]
        if not isinstance(entries, dict):
            raise ValueError(f"{shown_path(self._path)}: results_so_far must be an object; remove the file")
        return {digest: e for digest, e in entries.items() if self._is_whole(e)}

    def _is_whole(self, entry):
        try:
            return entry["of"]["versions"] == self._versions and {"result", "seconds"} <= set(entry)
        except (TypeError, LookupError, ValueError):
            return False

    def _write(self):
        if self._path is not None:
            write_text(self._path, json.dumps({"results_so_far": self._entries}) + "\n")
