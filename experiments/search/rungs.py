"""Successive halving: all configurations are trained for a while, and the best ones continue.

A rung is a point in a full training, after some share of its updates. Training does not depend on rungs: step
rate and weight of the divergence are those of a full training, and a configuration continues from its
checkpoint as if it had never stopped.

A rung is judged once all configurations have reached it. So which ones continue follows from the scores
alone, however many processes there are, in whatever order they end, and whatever is killed; the price is that
processes wait for the last ones of a rung.

References
----------
Jamieson & Talwalkar (2016), Non-stochastic best arm identification and hyperparameter optimization.
"""

from fractions import Fraction

# One in so many goes on from a rung. Rungs are as far apart, so that each stage costs about the same.
FACTOR = 4
SHARES = (1 / 16, 1 / 4, 1.0)

# Of a search whose configurations are all trained to their ends.
WHOLE = (1.0,)


def quota(n_trials, rung):
    """How many of the configurations go to a rung; 0 is the first one, to which all of them go."""
    return -(-n_trials // FACTOR**rung)


def stages(shares):
    """The share of a full training between each rung and the one before."""
    return [share - before for before, share in zip((0.0, *shares), shares, strict=False)]


def cost(n_trials, shares):
    """The cost of a search, in full trainings, if no trial fails."""
    return sum(quota(n_trials, rung) * stage for rung, stage in enumerate(stages(shares)))


def going_on(scores, failed, n_rungs):
    """Who goes to which rung.

    Parameters
    ----------
    scores : dict of int to sequence of float
        For each configuration, its scores at the rungs that it has come to; the last rung needs none.
    failed : set of int
        Those that come to no other rung.
    n_rungs : int

    Returns
    -------
    list of set of int
        For each rung that is known; those behind a rung that someone is still on the way to are not. Of
        equally good ones, those with lower numbers go on.
    """
    here = set(scores)
    found = [here]
    for rung in range(n_rungs - 1):
        if any(len(scores[number]) <= rung and number not in failed for number in here):
            break
        ranked = sorted((scores[number][rung], number) for number in here if len(scores[number]) > rung)
        here = {number for _, number in ranked[: quota(len(scores), rung + 1)]}
        found.append(here)
    return found


def named(share):
    """A rung in a word: "1/16", or "the end"."""
    return "the end" if share == 1 else str(Fraction(share).limit_denominator(1000))
