"""Data sets by name: the embedded chorales and the four standard sets of piano rolls."""

import os
import re
import sysconfig
import warnings
from dataclasses import replace
from pathlib import Path

from breze_like.data.dataset import SPLITS, Dataset
from breze_like.data.formats import read, read_trusted
from breze_like.files import PathLike
from breze_like.quoting import quote, shown, shown_path

EMBEDDED = "chorales"

# Content digests, see `breze_like.data.digest`, of train, valid and test. The standard sets' splits
# are those of Boulanger-Lewandowski, Bengio and Vincent (2012), *Modeling temporal dependencies in
# high-dimensional sequences*.
DIGESTS = {
    name: dict(zip(SPLITS, digests, strict=True))
    for name, digests in {
        "chorales": (
            "8eabadd43e89c40a3cc796b29d8ec3aa505cfcecb741db72bd413bcb46fff960",
            "7e12f45f47b9ea76f184c1f0df1a217fe13cf8a5377807ae7dd3468cd0e69b62",
            "1a477ccd528d22fe54ba574548d197f27273ba40df2ed4316c436f77aa9db419",
        ),
        "jsb_chorales": (
            "8b31633b4a6932cdb33c215622cf17654a324c478731870c4793782e539666ae",
            "e6207507d1705bfccac761daa78e60c1b5fb3501677c069f8454b372b982cd14",
            "4fbe5c9f75c61e04ab3293c76ac95ca938e12b6a9349333cd5f8442e2189e431",
        ),
        "nottingham": (
            "6eb888baff6a3ad3c6c3b4e7cc688fb391e2553c853b54e0276b0ee8eda6b42d",
            "ec719788edbbc8a0605adced457965ee8e19c0a14fbcb67c1d842bf51a949d35",
            "921292392a444e873cb201dc2e219ea78d91f4928316142c1e86aa95fe945540",
        ),
        "piano_midi": (
            "cc288d33c1dd04699d05506b60043036ea6ca068d209a171546153c1a5aad1ab",
            "e3a8bf95c49ae22beec67e8838b3a9ffe19782f31604f54f3e358820feedcc49",
            "2432f798816faca9e69301db7abeddcdc0d5b87d30e1e61f3a378cc52e9eb59b",
        ),
        "musedata": (
            "8ff6603db498b8adc443d5f750a5d5ff125ac07b622adba1aa14cd584250c184",
            "cee356eb7d2242d57036a9f92af7cbc9bd00ea16c385da2132f390a16532423a",
            "6878647cdb785d9e9d23edb8ca57d7bf7d2f9c1242f31f8bddf222851ffbc5df",
        ),
    }.items()
}
# Which names the standard sets' files go by, without case and punctuation.
FILE_NAMES = {
    "jsbchorales": "jsb_chorales",
    "jsbchoralesdataset": "jsb_chorales",
    "musedata": "musedata",
    "nottingham": "nottingham",
    "pianomidi": "piano_midi",
    "pianomidide": "piano_midi",
}
DATASET_EXTENSIONS = (".h5", ".hdf5", ".mat", ".pickle", ".pkl", ".json", ".npz")


def load(
    name: PathLike,
    data_dir: PathLike | None = None,
    steps_per_quarter: int = 2,
    limits: bool | None = None,
    leave_out: bool = False,
) -> Dataset:
    """Load a data set by its name, or from a file or folder.

    Parameters
    ----------
    name : str or path-like
        ``"chorales"``, which comes with the package; ``"jsb_chorales"``, ``"nottingham"``,
        ``"piano_midi"`` or ``"musedata"``; or the path of a file or folder that
        :func:`breze_like.data.read` reads. A folder of ``.npy`` or MIDI files without subfolders ``train``,
        ``valid`` and ``test`` is divided 60 / 20 / 20 at random, by the fixed seed 0: the same way each time.
    data_dir : str or path-like, optional
        The folder with the standard sets, in any of the formats and by any of the names that their
        sources give them; by default ``$BREZE_LIKE_DATA``.
    steps_per_quarter : int
        Grid of a folder's MIDI files: 1, 2 or 4.
    limits, leave_out : bool
        Whether the time, memory and size of what is read are limited, and whether files of a folder that
        can't be read are left out, as of :func:`breze_like.data.read`.

    Returns
    -------
    Dataset
        `verified` says whether its content is what was published under its name, if that is known.

    Raises
    ------
    ValueError
        If there is no such data set, with where to get it, or it cannot be read.

    Warns
    -----
    UserWarning
        If the content is not the published one, or notes of MIDI files, or files, are left out.
    """
    if name == EMBEDDED:
        return verify(read_trusted(_embedded_file()))
    if name in DIGESTS:
        return verify(replace(read(_find(name, data_dir), limits=limits), name=name))
    if not os.path.exists(name):
        rule = f"data set must be one of {', '.join(DIGESTS)}, or a file or folder"
        raise ValueError(f"{rule}, got {quote(str(name))}, which does not exist")
    dataset = read(name, steps_per_quarter, limits, leave_out)
    return verify(replace(dataset, name=standard_name(dataset.name) or dataset.name))


def standard_name(file_name: str) -> str | None:
    """Name of the standard set that a file of this name, without extension, holds, or None."""
    return FILE_NAMES.get(re.sub("[^a-z]", "", file_name.lower()))


def _embedded_file():
    """The embedded chorales, in a clone of the repository or where an installation put them."""
    root = Path(__file__).resolve().parents[2]
    schemes = {sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")}
    prefixes = [root, *(Path(sysconfig.get_path("data", scheme)) for scheme in sorted(schemes))]
    places = [root / "data", *(prefix / "share" / "breze_like" for prefix in prefixes)]
    for place in places:
        if (place / f"{EMBEDDED}.h5").is_file():
            return place / f"{EMBEDDED}.h5"
    raise ValueError(f"{EMBEDDED}.h5 must be in one of {', '.join(map(str, places))}; reinstall")


def _find(name, data_dir):
    folder = data_dir or os.environ.get("BREZE_LIKE_DATA")
    advice = f"to get it: python data/download.py --data-dir FOLDER {name}"
    if not folder:
        raise ValueError(
            f"{name} does not come with breze_like: say which folder it is in, by data_dir (in scripts, "
            f"--data-dir) or $BREZE_LIKE_DATA; {advice}"
        )
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{name} was looked for in {shown_path(folder)}, which is not a folder; {advice}")
    paths = [path for path in sorted(folder.iterdir()) if standard_name(path.stem) == name]
    for extension in DATASET_EXTENSIONS:
        for path in paths:
            if path.suffix.lower() == extension and path.is_file():
                return path
    raise ValueError(f"{name} is not in {shown_path(folder)} as {', '.join(DATASET_EXTENSIONS)}; {advice}")


def verify(dataset: Dataset) -> Dataset:
    """Compare a data set's content with what is published under its name.

    Returns
    -------
    Dataset
        The same data set with `verified` set, to None if no digest is known for its name.

    Warns
    -----
    UserWarning
        If the content is not the published one.
    """
    published = DIGESTS.get(dataset.name)
    if published is None:
        return replace(dataset, verified=None)
    differing = [split for split in SPLITS if dataset.digests[split] != published[split]]
    if differing:
        warnings.warn(
            f"{shown(dataset.name)} is not the published data set: the content digest differs for "
            f"{', '.join(differing)}; scores on it can't be compared with others'",
            stacklevel=3,
        )
    return replace(dataset, verified=not differing)
