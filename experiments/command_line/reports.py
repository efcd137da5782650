"""Reports that a script writes, and what they may replace: earlier ones of the same script.

>>> add_report(parser)
>>> check_report(options, "nats per time step | per step | per sequence |")
"""

from pathlib import Path

from breze_like.quoting import shown_path


def add_report(parser, about):
    """Add the file of a report, and that it may replace any file."""
    parser.add_argument("--report", help=about)
    parser.add_argument("--force", action="store_true", help="let --report replace any file")


def check_report(options, mark):
    """Refuse, before work begins, to replace a file that is not a report of the script.

    Parameters
    ----------
    options : Namespace
        Of `add_report`.
    mark : str
        What all reports of the script have in one of their first lines, and no other file.

    Raises
    ------
    ValueError
        If there is something else in the place of the report, without ``--force``, or a folder.
    """
    path = Path(options.report or "")
    if options.report is None or not path.exists():
        return
    if path.is_dir():
        raise ValueError(f"--report must be a file, {shown_path(path)} is a folder: choose a file in it")
    if options.force:
        return
    with open(path, "rb") as stream:
        beginning = stream.read(10_000)
    if mark.encode() not in beginning:
        raise ValueError(
            f"{shown_path(path)} is there already, and no report of this script: choose another --report; "
            "--force replaces it"
        )
