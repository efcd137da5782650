"""What others have published for the paper's data sets, in nats per time step of the test sets: data.

Numbers are kept as printed. Those that were taken from another paper than their own are marked as quoted.
Scores per sequence, and scores on other versions of the data, are left out, since they can't be compared.
"""

from dataclasses import dataclass

DATASETS = {
    "jsb_chorales": "JSB Chorales",
    "nottingham": "Nottingham",
    "piano_midi": "Piano-midi.de",
    "musedata": "MuseData",
}

# Of independent notes with the frequencies of the training set, `collapse.floor`, on the validation set.
VALIDATION_FLOORS = {"jsb_chorales": 10.95, "nottingham": 10.00, "piano_midi": 11.49, "musedata": 11.85}

EXACT = "exact"
OBJECTIVE = "published objective, not a bound"
NOT_FINISHED = "did not finish"


@dataclass(frozen=True)
class Published:
    """The numbers of a method.

    Parameters
    ----------
    method : str
    source : str
        Who published it.
    estimator : str
        `EXACT`, `OBJECTIVE`, or what else it is.
    numbers : dict of str to str
        By data set.
    beside : tuple of str
        The systems, keys of `SYSTEMS`, that it compares with best.
    quoted : bool
        Whether it was read where another paper quotes it.
    remark : str
    """

    method: str
    source: str
    estimator: str
    numbers: dict
    beside: tuple = ()
    quoted: bool = False
    remark: str = ""


def on(jsb_chorales=None, nottingham=None, piano_midi=None, musedata=None):
    """Numbers by data set, without missing ones."""
    numbers = zip(DATASETS, (jsb_chorales, nottingham, piano_midi, musedata), strict=True)
    return {name: number for name, number in numbers if number is not None}


RNN_NADES = ("rnn_nade", "fdrnn_nade")

# Table 1, as the paper has it. It calls all of them negative log-likelihoods or bounds.
PAPER = (
    Published("VRAE", "the paper", OBJECTIVE, on("5.53", "2.00", "4.00", NOT_FINISHED), ("vrae_published",)),
    Published("VOSP", "the paper", OBJECTIVE, on("6.21", "2.63", "6.08", NOT_FINISHED), ("vosp_published",)),
    Published(
        "FD-RNN",
        "the paper",
        EXACT,
        on("8.01", "3.09", "7.39"),
        ("fdrnn",),
        remark="its authors did not score the first frame, which makes a difference of 0.035 on JSB Chorales",
    ),
    Published("plain RNN", "the paper", EXACT, on("8.58", "3.43", "7.58"), ("rnn",)),
    Published("RNN-NADE", "the paper", EXACT, on("5.19", "2.31", "7.05", "5.60"), RNN_NADES),
    Published("Deep RNN", "the paper", EXACT, on("7.92", "2.95"), ("dots_rnn", "deep_fdrnn")),
)

IMPORTANCE_SAMPLED = "importance sampled, 2000 draws"

OTHERS = (
    Published("RNN-NADE", "the first paper on it", EXACT, on("5.56"), RNN_NADES, quoted=True),
    Published(
        "DMM-Aug-NADE",
        "Krishnan et al. (2017)",
        IMPORTANCE_SAMPLED,
        on("5.118", "2.305", "7.048", "6.049"),
        ("vosp_nade",),
    ),
    Published(
        "DMM-Aug-NADE",
        "Krishnan et al. (2017)",
        "upper bound",
        on("5.335", "2.347", "7.099", "6.115"),
    ),
    Published(
        "DMM-Aug",
        "Krishnan et al. (2017)",
        IMPORTANCE_SAMPLED,
        on("6.288", "2.679", "7.591", "6.356"),
        ("vosp",),
    ),
    Published(
        "DMM-Aug",
        "Krishnan et al. (2017)",
        "upper bound",
        on("6.773", "2.856", "7.721", "6.476"),
    ),
    Published(
        "STORN",
        "its authors",
        "importance sampled",
        on("6.91", "2.85", "7.13", "6.16"),
        ("vrae",),
        quoted=True,
    ),
    Published(
        "VRNN, trained with FIVO",
        "the paper on FIVO, 8 particles, which retrained it",
        "particle filter, upper bound",
        on("7.40", "2.99", "7.80", "6.67"),
    ),
    Published("DMM", "the example of Pyro", "upper bound", on("6.80 to 6.87")),
    Published(
        "NASMC",
        "its authors",
        "particle filter",
        on("3.99", "2.72", "7.61", "6.89"),
        quoted=True,
        remark="the number on JSB Chorales has never been explained",
    ),
)


def of_paper(system, dataset, estimator):
    """What the paper reports for a system on a data set, exact or its objective: a number, str or None."""
    said = [p.numbers.get(dataset) for p in PAPER if system in p.beside and p.estimator == estimator]
    number = said[0] if said else None
    return number if number in (None, NOT_FINISHED) else float(number)


def of_others(system, dataset):
    """What others have published that can be compared with a system on a data set: a list of `Published`."""
    return [p for p in OTHERS if system in p.beside and dataset in p.numbers]
