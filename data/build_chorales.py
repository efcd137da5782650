"""Build ``chorales.h5``, the embedded data set: Bach's chorales from the music21 corpus.

Usage: ``pip install '.[data]' && python data/build_chorales.py --force``

Every chorale for four voices becomes one piano roll on a grid of quarter notes: a key is 1 where it
sounds at the grid point. Repeats are not played out. What is left out is printed, with the reason.
The result is the same every time; `breze_like/data/library.py` holds its digests.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # has experiments, which is not installed

from experiments.command_line import interrupts

# Before anything else is imported, which takes seconds.
interrupts.install_for(__name__, "stopped; no file was written")

import math
import zipfile
from collections import Counter

import numpy as np

from breze_like.data import DIGESTS, SPLITS, Dataset, write_hdf5
from breze_like.music.rolls import HIGHEST_NOTE, LOWEST_NOTE, N_KEYS
from experiments.command_line.arguments import Parser
from experiments.command_line.reports import check_place

VOICES = ["Soprano", "Alto", "Tenor", "Bass"]
# The corpus has her edition with her permission. Of other scores it does not say on which terms.
EDITOR = "Margaret Greentree"
HELD_OUT = 0.2  # for validation, and as much again for testing
SEED = 2014


def main(arguments=None):
    """Build the file and print what went into it."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("chorales.h5"), help="file to write"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    try:
        options = parser.parse_args(arguments)
        out = options.out
        check_place(out, options.force)
        import music21
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ImportError:
        print("error: this needs music21; run pip install '.[data]'", file=sys.stderr)
        return 2
    works = distinct(rolls(music21.corpus.getComposer("bach")))
    dataset = Dataset(
        "chorales",
        **split(list(works.values())),
        source=f"J. S. Bach's four-part chorales, music21 {music21.__version__} corpus, "
        f"edited by {EDITOR}; one step is a quarter note",
        licence="The music is in the public domain; see data/README.md for the edition",
    )
    write_hdf5(out, dataset)
    for name in SPLITS:
        sequences = getattr(dataset, name)
        n_steps = sum(map(len, sequences))
        print(f"{name}: {len(sequences)} sequences, {n_steps} steps, {dataset.digests[name]}")
    is_published = dataset.digests == DIGESTS["chorales"]
    print(f"{out}: {out.stat().st_size} bytes, {'' if is_published else 'NOT '}the published content")
    return 0


def rolls(paths):
    """Piano rolls by work, of all the scores that are fit for it."""
    found = {}
    for path in sorted(path for path in paths if path.suffix != ".rntxt"):  # no score: an analysis
        try:
            found[path.stem] = roll(read_score(path))
        except ValueError as reason:
            print(f"{path.name} left out: {reason}")
    return found


def read_score(path):
    """Score of a MusicXML file of `EDITOR`'s."""
    from music21 import converter

    if EDITOR not in musicxml(path):
        raise ValueError(f"not marked as {EDITOR}'s")
    return converter.parse(path, forceSource=True)


def musicxml(path):
    """Text of a MusicXML file, compressed or not; empty for files of other kinds."""
    if path.suffix == ".xml":
        return path.read_text(errors="replace")
    if path.suffix != ".mxl":
        return ""
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".xml")]
        return "".join(archive.read(name).decode(errors="replace") for name in members)


def roll(score):
    """Piano roll (n_steps, 88) of a score for four voices, on a grid of quarter notes."""
    parts = [part.partName for part in score.parts]
    if parts != VOICES:
        raise ValueError(f"not for exactly four voices: {', '.join(map(str, parts))}")
    # The first bar starts the grid. A short first bar that is no whole number of quarters would
    # put the beats of all later bars between the grid's points.
    measures = [measure for part in score.parts for measure in part.getElementsByClass("Measure")]
    if any(measure.offset % 1 for measure in measures):
        raise ValueError("bars don't begin on the grid")
    keys = np.zeros((math.ceil(score.highestTime), N_KEYS), dtype=np.uint8)
    for note in score.flatten().notes:
        steps = slice(math.ceil(note.offset), math.ceil(note.offset + note.quarterLength))
        for pitch in note.pitches:
            if not LOWEST_NOTE <= pitch.midi <= HIGHEST_NOTE:
                raise ValueError(f"{pitch} is outside the keyboard")
            keys[steps, pitch.midi - LOWEST_NOTE] = 1
    return keys


def distinct(works):
    """Without works that share more than half of their progressions with an earlier one.

    Bach used some harmonisations several times, transposed or slightly altered; with one of them in
    the training set and one in the test set, scores would reward a good memory.
    """
    kept, seen = {}, {}
    for name, keys in works.items():
        own = progressions(keys)
        for other, theirs in seen.items():
            shared = (own & theirs).total() / min(own.total(), theirs.total())
            if shared > 0.5:
                print(f"{name} left out: shares {shared:.0%} of its progressions with {other}")
                break
        else:
            kept[name], seen[name] = keys, own
    return kept


def progressions(keys):
    """Pairs of successive chords, up to transposition, and how often they occur."""
    chords = [np.flatnonzero(step) for step in keys]
    return Counter(
        (tuple(first - first[0]), tuple(second - first[0]))
        for first, second in zip(chords, chords[1:], strict=False)
        if len(first)
    )


def split(works):
    """Training, validation and test set, by a fixed random permutation of the works."""
    # RandomState: its permutations are the same in all versions of NumPy.
    order = np.random.RandomState(SEED).permutation(len(works))  # noqa: NPY002
    n_held_out = round(HELD_OUT * len(works))
    test, valid, train = np.split(order, [n_held_out, 2 * n_held_out])
    indices = {"train": train, "valid": valid, "test": test}
    return {name: [works[index] for index in indices[name]] for name in SPLITS}


if __name__ == "__main__":
    status = main()
    interrupts.finish()
    sys.exit(status)
