"""What is kept of a score, and how it is written: both averages, and their standard errors."""

import math

import numpy as np


def averages(score, n_draws=None):
    """Both averages of a `Score` as a dict for JSON; of a Monte Carlo estimate also its errors.

    Parameters
    ----------
    score : Score
    n_draws : int, optional
        Of the latents; by default the score is exact.

    Returns
    -------
    dict
        ``"per_step"`` and ``"per_sequence"``; of estimates ``"n_draws"`` and, from two draws on,
        ``"per_step_standard_error"`` and ``"per_sequence_standard_error"``; of importance sampled ones
        ``"effective_draws"``, the least and the median effective sample size of a sequence; where something
        is missing, ``"per_observed_entry"``.
    """
    kept = {"per_step": score.per_step, "per_sequence": score.per_sequence}
    if score.standard_errors is not None:
        kept["per_step_standard_error"] = score.per_step_standard_error
        kept["per_sequence_standard_error"] = score.per_sequence_standard_error
    if score.per_observed_entry is not None:
        kept["per_observed_entry"] = score.per_observed_entry
    if n_draws is not None:
        kept["n_draws"] = n_draws
    sizes = getattr(score, "effective_sample_sizes", None)
    if sizes is not None:
        kept["effective_draws"] = {"min": float(sizes.min()), "median": float(np.median(sizes))}
    return kept


def text(value, error, n_decimals, sign=""):
    """A number and its standard error, ``"<5.77 ± 0.01"``; without an error (None), the number alone.

    An error too small for the decimals of the number has as many more as it needs for one digit, at most two;
    one that is smaller still is said to be as large as the least that these can say.
    """
    number = f"{sign}{value:.{n_decimals}f}"
    if error is None:
        return number
    if error == 0:
        return f"{number} ± {error:.{n_decimals}f}"
    error = max(error, 10 ** -(n_decimals + 2))
    return f"{number} ± {error:.{max(math.ceil(-math.log10(error)), n_decimals)}f}"


def average_text(kept, name, n_decimals, sign=""):
    """`text` of an average, by its name in what `averages` returns, in older results without an error."""
    return text(kept[name], kept.get(f"{name}_standard_error"), n_decimals, sign)


def effective_text(kept):
    """How many draws contribute to an importance sampled score: a list with one line, or an empty list."""
    sizes = kept.get("effective_draws")
    if sizes is None:
        return []
    least, median = (f"{sizes[name]:.1f}" for name in ("min", "median"))
    return [f"effective draws per sequence, out of {kept['n_draws']}: median {median}, least {least}"]
