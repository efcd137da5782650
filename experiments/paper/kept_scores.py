"""What scores.json has for a split: the latest scores, and those from other numbers of draws.

The latter are a list, ``"other_draws"``. All scores are of the same parameters: a run that is trained further
loses them as soon as it is scored again.
"""

from breze_like.runs.records import AVERAGES, OBJECT, SCORING, check

MEANINGS = {
    "nll": "negative log-likelihood, exact",
    "bound": "variational bound, exact divergence",
    "kl": "its divergence",
    "reconstruction": "its reconstruction",
    "objective": "training objective",
    "importance_sampled": "importance sampled",
    "particle_filter": "particle filter",
    "annealed": "annealed importance sampling",
}
RULES = {**SCORING, **dict.fromkeys(MEANINGS, OBJECT)}

OTHERS = "other_draws"
OBJECTS = ("a list of objects", lambda v: isinstance(v, list) and all(isinstance(s, dict) for s in v))


def join(earlier, new):
    """New scores of a split, with the earlier ones that they don't replace; for `Run.add_scores`."""
    before = [*earlier.get(OTHERS, ()), {name: value for name, value in earlier.items() if name != OTHERS}]
    others = [scores for scores in before if _has_draws(scores) and _is_beside(scores, new)]
    return {**new, OTHERS: others} if others else new


def choose(kept, n_draws, where, split):
    """The scores of a split with this number of draws.

    Parameters
    ----------
    kept : dict
        What scores.json has of the split.
    n_draws : int or None
        If no scores are of so many, those of the next larger number are chosen, or else the latest ones, as
        without a number.
    where, split : str
        What file and split are called in messages.

    Raises
    ------
    ValueError
        If something is not what a rule says.
    """
    check(kept, {OTHERS: OBJECTS}, where, split)
    latest = {name: value for name, value in kept.items() if name != OTHERS}
    others = kept.get(OTHERS, [])
    for scores, name in [(latest, split), *((scores, f"{split}.{OTHERS}") for scores in others)]:
        check(scores, RULES, where, name)
        for score in scores.keys() & MEANINGS.keys():
            check(scores[score], AVERAGES, where, f"{name}.{score}")
    enough = [s for s in [latest, *others] if n_draws and _has_draws(s) and s["n_samples"] >= n_draws]
    return dict(min(enough, key=lambda scores: scores["n_samples"], default=latest))


def _has_draws(scores):
    return "importance_sampled" in scores and "n_samples" in scores


def _is_beside(scores, new):
    return scores["n_samples"] != new["n_samples"] and scores.get("update") == new["update"]
