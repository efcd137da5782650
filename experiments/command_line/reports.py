"""Files that a script writes, and what they may replace: earlier ones of the same script, or nothing.

>>> add_report(parser)
>>> check_report(options, "nats per time step | per step | per sequence |")
>>> write_report(options, "| nats per time step | per step | ...")
"""

from pathlib import Path

from breze_like.files import check_place, replacing


def add_report(parser, about):
    """Add the file of a report, and that it may replace any file."""
    parser.add_argument("--report", help=about)
    add_force(parser, "let --report replace any file")


def add_force(parser, about="replace existing files"):
    """Add that files may be replaced."""
    parser.add_argument("--force", action="store_true", help=about)


def check_report(options, mark):
    """Refuse, before work begins, to replace a file that is not a report of the script.

    Parameters
    ----------
    options : Namespace
        Of `add_report`.
    mark : str
        As of `breze_like.files.check_place`, which says what is an error.
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
