"""Convert a data set from any readable file or folder to this project's HDF5.

Usage: ``python data/convert.py SOURCE OUT.h5``. A file is replaced only with ``--force``, and never SOURCE.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # has experiments, which is not installed

from experiments.command_line import interrupts

# Before anything else is imported, which takes seconds.
interrupts.install_for(__name__, "stopped; no file was written")

import os
import warnings
from dataclasses import replace

from breze_like.data import SPLITS, load, verify, write_hdf5
from breze_like.quoting import shown_path
from experiments.command_line import warn_in_one_line
from experiments.command_line.arguments import Parser
from experiments.command_line.reports import check_place

VERDICTS = {
    True: "verified: the published data set",
    False: "NOT the published data set of this name: the content digest differs",
    None: "no digest is known to verify it with",
}


def main(arguments=None):
    """Convert a file or folder; print what was in it and whether it is the published data set."""
    parser = Parser(__doc__)
    parser.add_argument("source", metavar="SOURCE", help="file or folder to read")
    parser.add_argument("out", metavar="OUT", help="file to write")
    parser.add_argument(
        "--steps-per-quarter", type=int, default=2, help="grid of MIDI files, 1, 2 or 4 (default: 2)"
    )
    parser.add_argument("--name", help="name of the data set (default: from the source)")
    parser.add_argument("--origin", help="where the data come from")
    parser.add_argument("--licence", help="terms on which they may be used")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument(
        "--leave-out", action="store_true", help="leave out files of a folder that can't be read"
    )
    parser.add_argument(
        "--no-limits",
        action="store_const",
        const=False,
        dest="limits",
        help="read huge files that you trust: no limits on time, memory and size",
    )
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files that are not UTF-8
    try:
        options = parser.parse_args(arguments)
        given = {"name": options.name, "source": options.origin, "licence": options.licence}
        check_out(options.source, options.out, options.force)
        with warnings.catch_warnings():
            # The verdict is printed below.
            warnings.filterwarnings("ignore", message=".* is not the published data set")
            dataset = load(
                options.source,
                steps_per_quarter=options.steps_per_quarter,
                limits=options.limits,
                leave_out=options.leave_out,
            )
            dataset = verify(replace(dataset, **{key: given[key] for key in given if given[key]}))
        write_hdf5(options.out, dataset)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for split in SPLITS:
        sequences = getattr(dataset, split)
        print(f"{split}: {len(sequences)} sequences, {sum(map(len, sequences))} steps")
    print(f"{options.out}: {dataset.name}, {VERDICTS[dataset.verified]}")
    return 0


def check_out(source, out, force):
    """Raise ValueError if a file must not be written, before anything is read."""
    if os.path.exists(out) and os.path.exists(source) and os.path.samefile(source, out):
        raise ValueError(f"{shown_path(out)} is the source itself: choose another OUT")
    if not (folder := Path(out).parent).is_dir():
        raise ValueError(f"{shown_path(folder)} is no folder: make it, or choose another OUT")
    check_place(out, force, flag="OUT")


if __name__ == "__main__":
    warn_in_one_line()
    status = main()
    interrupts.finish()
    sys.exit(status)
