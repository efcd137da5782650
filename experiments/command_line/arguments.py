"""Arguments that scripts have in common, and checks of numbers.

>>> parser = Parser(__doc__)
>>> parser.add_argument("--rounds", type=int, action=Positive)
>>> parse(parser, ["--rounds", "3"]).given
{'rounds'}
"""

import argparse
import math
import os

from breze_like.data.process import OFF


class Parser(argparse.ArgumentParser):
    """A script's parser, which describes it by the first line of its docstring.

    Raises
    ------
    ValueError
        If a flag is unknown, or its value empty or none of those that it takes: in place of argparse's usage
        and exit, a script says one line.
    """

    def __init__(self, doc, **options):
        super().__init__(**{"description": doc.splitlines()[0], **options})

    def parse_args(self, args=None, namespace=None):
        options = super().parse_args(args, namespace)
        for action in self._actions:
            value = getattr(options, action.dest, None)
            if value != action.default and "" in (value if isinstance(value, list) else [value]):
                name = (action.option_strings or [action.metavar or action.dest])[0]
                self.error(f"{name} must not be empty")
        return options

    def error(self, message):
        raise ValueError(f"{message}; --help shows the options")


class Checked(argparse.Action):
    """Stores a number, or a list of them; subclasses say what they must be.

    Raises
    ------
    ValueError
        If one of them is not.
    """

    must = None

    def __call__(self, parser, namespace, values, option_string=None):
        numbers = values if isinstance(values, list) else [values]
        if not all(map(self.allows, numbers)):
            raise ValueError(f"{self.option_strings[0]} must {self.must}, got {values}")
        setattr(namespace, self.dest, values)

    @staticmethod
    def allows(number):
        raise NotImplementedError


class Positive(Checked):
    """Numbers above zero, and finite."""

    must = "be positive"

    @staticmethod
    def allows(number):
        return 0 < number < math.inf


class NotNegative(Checked):
    """Numbers from zero on, and finite."""

    must = "not be negative"

    @staticmethod
    def allows(number):
        return 0 <= number < math.inf


class NoLimits(argparse.Action):
    """Lifts the limits of reading data sets, here and in the processes that a script starts."""

    def __call__(self, parser, namespace, values, option_string=None):
        os.environ["BREZE_LIKE_LIMITS"] = OFF


def parse(parser, arguments=None):
    """What `parse_args` gives, with ``given``, the names of what is not there by default, a set."""
    options = parser.parse_args(arguments)
    default = object()
    told = parser.parse_args(arguments, argparse.Namespace(**dict.fromkeys(vars(options), default)))
    options.given = {name for name, value in vars(told).items() if value is not default}
    return options


def refuse_unused(options, why, *names):
    """Raise a ValueError for the first of the named options that is ``given``, and say why it must not be."""
    for name in names:
        if name in options.given:
            raise ValueError(f"{flag(name)} must not be given {why}: leave it out")


def flag(name):
    """``"--n-latent"`` for ``"n_latent"``."""
    return f"--{name.replace('_', '-')}"


def add_count(parser, flag, default, about):
    """Add a whole number above zero."""
    parser.add_argument(flag, type=int, default=default, action=Positive, help=about)


def add_seed(parser, about="seed of all random numbers"):
    parser.add_argument("--seed", type=int, default=1, action=NotNegative, help=about)


def add_data_dir(parser):
    """Add where data sets are, and that they may be huge."""
    parser.add_argument("--data-dir", help="folder of the standard data sets; by default $BREZE_LIKE_DATA")
    _add_no_limits(parser)


def _add_no_limits(parser):
    parser.add_argument(
        "--no-limits",
        nargs=0,
        action=NoLimits,
        default=argparse.SUPPRESS,
        help="read huge files that you trust: no limits on time, memory and size",
    )


def add_backend(parser):
    """Add what computes."""
    parser.add_argument(
        "--backend", default="auto", help="backend for computations: auto, jax, cvm or numba (auto)"
    )


def add_data_of_run(parser, about="where the data of the run are now: a file, or a folder of sequences"):
    """Add the flags of a script that computes with a run: where its data are now, and the backend."""
    add = parser.add_argument
    add("--data-dir", help="folder of the run's data set; by default $BREZE_LIKE_DATA, or where it was")
    add("--dataset", help=about)
    add_backend(parser)
    _add_no_limits(parser)


def data_of_run(options):
    """What these flags say, as `trained.load` takes it by name: a dict."""
    return {"data_dir": options.data_dir, "dataset": options.dataset, "backend": options.backend}
