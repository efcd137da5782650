"""Files that a script writes, and what they may replace: earlier ones of the same script, or nothing.

>>> add_report(parser)
>>> check_report(options, "nats per time step | per step | per sequence |")
>>> write_report(options, "| nats per time step | per step | ...")
"""

import os
from pathlib import Path

from breze_like.files import open_regular, replacing
from breze_like.quoting import shown_path

# Bytes in which a file says what wrote it.
N_MARKED = 10_000
# Bytes of the longest name there may be, and by how many a file's name is longer while it is written.
MAX_NAME, N_ADDED = 255, len("..part")


def add_report(parser, about):
    """Add the file of a report, and that it may replace any file."""
    parser.add_argument("--report", help=about)
    add_force(parser, "let --report replace any file")


def add_force(parser, about="replace existing files"):
    """Add that files may be replaced."""
    parser.add_argument("--force", action="store_true", help=about)


def check_place(path, force=False, mark=None, flag="--out"):
    """Refuse, before work begins, a place where a file can't be written, or where there is an unrelated file.

    Parameters
    ----------
    path : str or path-like
        Of the file.
    force : bool
        Whether it may replace any file.
    mark : str, optional
        What earlier files of the same kind, and no others, have in their first `N_MARKED` bytes: these may be
        replaced. If it is not given, none may.
    flag : str
        The flag that says where the file is to be, for messages.

    Raises
    ------
    ValueError
        If `path` is a file that must not be replaced, or not a file, or its name is too long; or if a file is
        where its folder is to be, or nothing can be written there.
    """
    path = Path(path)
    above = next(folder for folder in (*path.parents, Path()) if os.path.lexists(folder))
    if not above.is_dir():
        raise ValueError(f"{shown_path(above)} is a file; choose a folder for {flag}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"{shown_path(above)} can't be written to: choose another folder for {flag}")
    if len(os.fsencode(path.name)) + N_ADDED > MAX_NAME:
        raise ValueError(
            f"{shown_path(path)} has too long a name: choose another {flag}, or shorten its name"
        )
    if path.is_dir():
        raise ValueError(f"{shown_path(path)} is a folder; choose a file for {flag}")
    if path.exists() and not path.is_file():
        raise ValueError(f"{shown_path(path)} is not a regular file: choose another {flag}")
    if force or not os.path.lexists(path):
        return
    if mark is None:
        raise ValueError(f"{shown_path(path)} already exists: choose another {flag}; --force replaces it")
    with open_regular(path) as stream:
        beginning = stream.read(N_MARKED)
    if mark.encode() not in beginning:
        raise ValueError(
            f"{shown_path(path)} already exists, and was not made by this script: choose another {flag}; "
            "--force replaces it"
        )


def check_report(options, mark):
    """Refuse, before work begins, to replace a file that is not a report of the script.

    Parameters
    ----------
    options : Namespace
        Of `add_report`.
    mark : str
        As of `check_place`, which says what is an error.
    """
    if options.report is not None:
        check_place(options.report, options.force, mark, "--report")


def check_files(folder, marks, force, flag="--out"):
    """Do the same for several files in a folder: a dict of names and marks, None where none is replaced."""
    for name, mark in marks.items():
        check_place(Path(folder) / name, force, mark, flag)


def write_report(options, text):
    """Write the report, if one is asked for, as `write_text`."""
    if options.report is not None:
        write_text(options.report, text)


def write_text(path, text):
    """Write a file whole or not at all, in a folder that is made; what is not UTF-8 in names is escaped."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as stream:
        stream.write(text.encode(errors="backslashreplace"))
