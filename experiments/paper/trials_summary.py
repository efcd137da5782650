"""Summary of a list of trials: which system each trial is of, which did best, and what all of them cost."""

import shlex
from itertools import takewhile

from experiments.paper.seeds import system_of
from experiments.paper.systems import SYSTEMS, find_system

# What a command says that is not about the model or its training, or is said elsewhere.
ELSEWHERE = ("--out", "--model", "--dataset", "--seed", "--validate-every", "--data-dir", "--backend")
N_BEST = 3


def system(line):
    """The system that a trial is of, a key of `SYSTEMS`; if it is of none, what it is made of."""
    words = shlex.split(line["command"])
    if "experiments.random_search" in words:
        name = option(words, "--model")
    elif "experiments.table1" in words:
        name = system_of(line["run"])
    else:
        emission, layer = option(words, "--emission"), option(words, "--layer")
        sizes, objective = options(words, "--n-hiddens"), option(words, "--objective")
        name = find_system(line["model"], line["divergence"], emission, layer, sizes, objective)
    if name in SYSTEMS:
        return name
    parts = (line["model"], line["divergence"].replace("exact", ""), option(words, "--emission"))
    return f"other: {', '.join(filter(None, parts))}"


def option(words, flag):
    """The value after a flag in a command; None if it is not there."""
    return words[words.index(flag) + 1] if flag in words[:-1] else None


def options(words, flag):
    """All values after a flag in a command, up to the next flag."""
    behind = words[words.index(flag) + 1 :] if flag in words else []
    return list(takewhile(lambda word: not word.startswith("--"), behind))


def chunk_length(line):
    """The length of a trial's chunks as its command says it; None by default."""
    return option(shlex.split(line["command"]), "--chunk-length")


def choices(line):
    """The part of a command that is about the model and its training."""
    words = iter(shlex.split(line["command"])[3:])
    kept = []
    for word in words:
        if word in ELSEWHERE:
            next(words, None)
        elif word != "--quiet":
            kept.append(word)
    return shlex.join(kept)


def by_system(lines):
    """The trials of each system, by its name: the best ones first, those without a score last."""
    order = {name: i for i, name in enumerate(SYSTEMS)}
    trials = {}
    for line in sorted(lines, key=lambda line: float(line["best_valid_score"] or "inf")):
        trials.setdefault(system(line), []).append(line)
    return dict(sorted(trials.items(), key=lambda item: order.get(item[0], len(order))))


def hours(lines):
    """Of training, in all."""
    return sum(float(line["minutes"]) for line in lines) / 60
