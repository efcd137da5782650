"""The sections of a report on a search that have plots."""

import numpy as np

from breze_like.pictures.html import wide
from experiments.pages.plots import plot
from experiments.search import charts
from experiments.search.importance import ENOUGH_TRIALS, GOOD, LEAST_TRIALS, importances
from experiments.search.rungs import named
from experiments.search.sections import rungs_of, section


def pictures(outcomes, distributions, attributes):
    """All of these sections, as far as there are scores.

    Parameters
    ----------
    outcomes : list of Outcome
    distributions : dict of str to BaseDistribution
        Of the hyper-parameters.
    attributes : dict
        What the study says of itself.
    """
    scores, space, shares = charts.complete_scores(outcomes), attributes["space"], rungs_of(attributes)
    which = "complete trials"
    if len(shares) > 1:  # so many more trials came there than to the end
        scores = charts.scores_at(outcomes, 0)
        which = f"all trials after {named(shares[0])} of the updates"
    if not scores:
        return []
    highest = charts.highest_drawn(scores)
    n_higher = sum(score > highest for score in scores.values())
    drawn = {number: min(score, highest) for number, score in scores.items()}
    study = charts.as_study(outcomes, distributions, drawn)
    note = f" Scores above {highest:.2f} ({n_higher} of {len(scores)}) are drawn there." if n_higher else ""

    def shown(title, words, figure, alt):
        return section(title, f"{words}{note}", wide(plot(figure, alt), alt))

    return [
        shown(
            "History",
            f"Scores of {which}.",
            charts.history(study),
            "Scores of the trials, and the best so far",
        ),
        importance(outcomes, distributions, attributes["sampler"]),
        shown(
            "Each hyper-parameter",
            f"Scores of {which}, one point for each trial.",
            charts.slices(study, space),
            "Scores against each hyper-parameter",
        ),
        shown(
            "Parallel coordinates",
            f"One line for each of {which}; darker and lower lines are better.",
            charts.parallel(study, space),
            "A line for each trial through its hyper-parameters",
        ),
    ]


def importance(outcomes, distributions, sampler):
    """The section on the importance of hyper-parameters, and on what it rests."""
    title, ranks = "Importance", charts.ranked_scores(outcomes)
    found = importances(charts.as_study(outcomes, distributions, ranks), np.random.default_rng(0))
    if not found:
        words = (
            f"This needs {LEAST_TRIALS} trials that ended, with different hyper-parameters; there are "
            f"{len(ranks)}."
        )
        return section(title, words)
    words = (
        f"How differently a hyper-parameter is distributed in the best {GOOD:.0%} of the {len(ranks)} "
        "trials that ended, as a share of the sum over hyper-parameters (PED-ANOVA). Pruned and failed "
        "trials rank below all others, the earlier they ended, the lower. A hyper-parameter that does not "
        "matter stays below its mark 19 times in 20."
    )
    if len(ranks) < ENOUGH_TRIALS:
        words += f" With fewer than {ENOUGH_TRIALS} trials, this is rough."
    if sampler != "random":
        words += " The sampler prefers choices that did well before, so the marks are too low."
    same = sorted(set(distributions) - set(found))
    if same:
        words += f" It is not known for {', '.join(same)}, which had the same value in all trials."
    return section(title, words, wide(plot(charts.bars(found), title), title))
