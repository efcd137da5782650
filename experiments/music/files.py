"""Sequences from users' files, and results as files that one can listen to, look at and compute with.

In: MIDI, ``.npy``, a folder of one of these, or any data set's file. Out: NAME.npy for each sequence, for
piano rolls also NAME.mid and, if asked for, NAME.wav; pictures.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from breze_like import data
from breze_like.data import SPLITS
from breze_like.data.folders import SEQUENCE_EXTENSIONS, names_of_files, read_files, warn_of_others
from breze_like.data.formats import TABLE_EXTENSIONS
from breze_like.data.long_tables import is_long_table
from breze_like.files import replacing
from breze_like.music import write_midi, write_wav
from breze_like.music.midi import check_instrument, import_mido
from breze_like.music.rolls import N_KEYS, check_grid, check_length, check_tempo
from breze_like.music.sound import check_duration
from breze_like.pictures import figures
from breze_like.quoting import shown, shown_path
from experiments.command_line.reports import check_files, write_text


def read(path, split="test", steps_per_quarter=2):
    """The sequences of a file or folder.

    Parameters
    ----------
    path : str or path-like
        A MIDI file, a ``.npy`` file, a folder of one kind of these, or what :func:`breze_like.data.read`
        reads.
    split : str
        Which sequences to take from a data set: from such a file, or a folder with subfolders of that name.
    steps_per_quarter : int
        Grid of MIDI files.

    Returns
    -------
    dict of str to ndarray, shape (n_steps, n_features)
        By the name of the file, or the split and a number; ``uint8`` if binary.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged, or has no sequence. The message is one line and names the
        file.

    Warns
    -----
    UserWarning
        If notes of MIDI files, or files in subfolders, are left out.
    """
    path = Path(path)
    if path.is_dir() and not any((path / name).is_dir() for name in SPLITS):
        return _read_folder(path, steps_per_quarter)
    is_long = path.suffix.lower() in TABLE_EXTENSIONS and path.is_file() and is_long_table(path)
    if path.suffix.lower() in SEQUENCE_EXTENSIONS and not path.is_dir() and not is_long:
        return {path.stem: read_files(Path(), [str(path)], steps_per_quarter)[str(path)]}
    return numbered(getattr(data.read(path, steps_per_quarter), split), split)


def numbered(sequences, prefix):
    """Sequences by names that are the prefix and a number, in their order."""
    n_digits = len(str(len(sequences) - 1))
    return {f"{prefix}_{index:0{n_digits}}": sequence for index, sequence in enumerate(sequences)}


def _read_folder(folder, steps_per_quarter):
    names = names_of_files(folder)
    try:
        if not names:
            raise ValueError("has no .npy or .mid files: choose another folder")
        warn_of_others(folder, names, "the folder itself")
        names = _of_results(names)
        if len({Path(name).stem for name in names}) < len(names):
            got = shown(", ".join(names))
            raise ValueError(f"files must have different names, got {got}: rename some")
        sequences = read_files(folder, names, steps_per_quarter)
    except ValueError as error:
        raise ValueError(f"{shown_path(folder)}: {error}") from error
    return {Path(name).stem: sequence for name, sequence in sequences.items()}


def _of_results(names):
    """Of a folder that may be one of results, one file a sequence: arrays go before MIDI files of their name.

    Expectations and variances of draws are no sequences.
    """
    drawn = {name.rsplit("_draw_", 1)[0] for name in names if "_draw_" in name}
    beside = {f"{name}_{kind}.npy" for name in drawn for kind in ("expectation", "variance")}
    arrays = {str(Path(name).with_suffix("")) for name in names if name.endswith(".npy")}
    return [
        name
        for name in names
        if name not in beside and (name.endswith(".npy") or str(Path(name).with_suffix("")) not in arrays)
    ]


@dataclass(frozen=True)
class Results:
    """The files that a script writes, in one folder.

    Parameters
    ----------
    folder : Path
    rolls : bool
        Whether the sequences are piano rolls, which can be heard.
    wav : bool
        Whether they are to be written as sound, too.
    force : bool
        Whether files may be replaced.
    steps_per_quarter, tempo, instrument
        As of :func:`breze_like.music.write_midi`.

    Raises
    ------
    ValueError
        If one of the arguments is not allowed, or sound is asked for that does not exist.
    """

    folder: Path
    rolls: bool
    wav: bool = False
    force: bool = False
    steps_per_quarter: int = 2
    tempo: float = 120.0
    instrument: int = 0

    def __post_init__(self):
        check_grid(self.steps_per_quarter)
        check_tempo(self.tempo)
        check_instrument(self.instrument)
        if self.wav and not self.rolls:
            raise ValueError(
                f"--wav needs piano rolls, which are binary data with {N_KEYS} keys: leave it out"
            )

    def reserve(self, names, n_steps, others=()):
        """Make the folder, before anything else is done, if all files can be written.

        Parameters
        ----------
        names : iterable of str
            Of sequences.
        n_steps : int
            Of the longest one.
        others : iterable of str
            Of other files, with extension.

        Raises
        ------
        ValueError
            If a file is there, and not to be replaced, or a sequence is too long for its file.
        """
        if self.rolls:
            check_length(n_steps)
        if self.wav:
            check_duration(n_steps, self.steps_per_quarter, self.tempo)
        files = [f"{name}{extension}" for name in names for extension in self._extensions()]
        check_files(self.folder, dict.fromkeys((*files, *others)), self.force)
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, name, sequence):
        """Write a sequence, each file whole or not at all; notes that are missing, NaN, are silent."""
        self.write_array(f"{name}.npy", sequence)
        grid = {"steps_per_quarter": self.steps_per_quarter, "tempo": self.tempo}
        sequence = np.nan_to_num(sequence)
        if ".mid" in self._extensions():
            write_midi(self.folder / f"{name}.mid", sequence, **grid, instrument=self.instrument)
        if self.wav:
            write_wav(self.folder / f"{name}.wav", sequence, **grid)

    def write_picture(self, file_name, figure):
        """Write a matplotlib Figure."""
        figures.save(figure, self.folder / file_name)

    def write_array(self, file_name, array):
        """Write an array that is no sequence."""
        with replacing(self.folder / file_name) as stream:
            np.save(stream, array)

    def write_text(self, file_name, text):
        """Write text; what is not UTF-8 in names of files is escaped."""
        write_text(self.folder / file_name, text)

    def describe(self, n):
        """One line about `n` sequences that were written."""
        line = f"{n} sequence{'s' * (n != 1)} in {self.folder} as {', '.join(self._extensions())}"
        return line if _has_mido() or not self.rolls else f"{line}; for .mid files: pip install mido"

    def _extensions(self):
        """What is written of each sequence; MIDI files only where they can be."""
        midi = [".mid"] if self.rolls and _has_mido() else []
        return [".npy", *midi, *([".wav"] if self.wav else [])]


def _has_mido():
    try:
        import_mido()
    except ValueError:
        return False
    return True
