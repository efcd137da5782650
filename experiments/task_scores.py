"""Score how well trained models denoise and impute piano rolls, compared with baselines.

    python -m experiments.task_scores runs/vrae runs/vosp runs/fdrnn [--split test] [--seeds 3]
    python -m experiments.task_scores jsb_chorales/vosp nottingham/vosp --report experiments/results/tasks.md

Runs on the same data set are compared with each other, in separate tables for each data set. Noise switches
on each note with probability 0.05; eight successive frames are removed at a random place in each sequence. A
run of a one-step model is one more baseline: it denoises by predicting.

Scores are kept in a file beside the report as they are made: the same command goes on where it was stopped.
"""

from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from breze_like import denoise, impute, impute_draws
from breze_like.data import SPLITS
from breze_like.runs.versions import versions
from breze_like.trained import load, model_names
from experiments import command_line
from experiments.command_line.arguments import Parser, add_count, add_data_of_run, data_of_run
from experiments.command_line.commands import portable
from experiments.command_line.kept import Kept
from experiments.command_line.reports import add_report, check_report, write_report
from experiments.command_line.tables import inline, markdown
from experiments.music.baselines import LastKnown, Marginals
from experiments.music.corruption import N_REMOVED, P_ON, corrupt, remove_somewhere
from experiments.music.measures import (
    DENOISING,
    IMPUTATION,
    best_threshold,
    score_denoising,
    score_imputation,
)
from experiments.paper.presets import check_rolls

# Rounds and chains of an imputation by draws, with and without latents: without, it takes as many rounds as
# there are missing frames. Rounds of an imputation by modes.
ROUNDS_AND_DRAWS = {True: (40, 10), False: (N_REMOVED, 50)}
N_MODE_ROUNDS = 20

# The corruption of the validation set, on which the thresholds of the F1 are chosen.
CORRUPTION_SEED = 0

DENOISING_NOTE = (
    f'Each note is switched on with probability {P_ON}. "Knowing the noise" means knowing this '
    "probability, and that no note is switched off. A one-step model predicts each frame from the noisy "
    "ones before it."
)
IMPUTATION_NOTE = (
    f"{N_REMOVED} successive frames are removed at a random place in each sequence. Nats are the negative "
    "log-probability of a frame's entries, each scored independently. Where a system gives probabilities, "
    "an entry counts as wrong if its true value is the less probable one, and F1 is computed for the "
    "notes whose probability reaches a threshold, which is chosen for each system on the validation set."
)


class Imputer(NamedTuple):
    """How to fill gaps: by ``"probabilities"`` of a note, or by ``"values"``.

    `fill` is a function of sequences, observed entries, and random numbers.
    """

    kind: str
    fill: callable


def denoisers(train, models):
    """Functions from noisy sequences to clean ones, by title."""
    made = {"noisy input, as it is": lambda noisy: noisy}
    made |= {name: partial(denoise, model) for name, model in models.items()}
    marginals = Marginals(train)
    made["training marginals, knowing the noise"] = partial(marginals.denoise, p_on=P_ON)
    for name, model in models.items():
        made[f"{name}, knowing the noise"] = partial(denoise, model, p_on=P_ON)
    return made


def imputers(train, models):
    """An `Imputer` by title."""
    marginals, last = Marginals(train), LastKnown(train, N_REMOVED)
    made = {
        "training marginals": Imputer(
            "probabilities", lambda x, observed, rng: marginals.expect(x, observed)
        ),
        "last known frame, calibrated": Imputer(
            "probabilities", lambda x, observed, rng: last.expect(x, observed)
        ),
        "last known frame, copied": Imputer("values", lambda x, observed, rng: last.copy(x, observed)),
    }
    for name, model in models.items():
        made[f"{name}, draws"] = Imputer("probabilities", partial(expect, model))
        made[f"{name}, modes"] = Imputer("values", partial(impute, model, n_rounds=N_MODE_ROUNDS))
    return made


def expect(model, sequences, observed, rng):
    rounds_and_draws = ROUNDS_AND_DRAWS[model.has_latents]
    return impute_draws(model, sequences, observed, rng, *rounds_and_draws).expectation


def score_denoiser(denoiser, noisy, sequences):
    """The measures of `DENOISING`."""
    return score_denoising(denoiser(noisy), noisy, sequences)


def score_imputer(filler, sequences, observed, seed, threshold=None):
    """The measures of `IMPUTATION`, by random numbers of that seed for each."""
    made = filler.fill(sequences, observed, np.random.default_rng(seed))
    return score_imputation(made, sequences, observed, threshold)


def choose_threshold(filler, sequences):
    """Of an `Imputer` that makes probabilities, on the validation set."""
    rng = np.random.default_rng(CORRUPTION_SEED)
    observed = [remove_somewhere(x, rng) for x in sequences]
    return best_threshold(filler.fill(sequences, observed, rng), sequences, observed)


def average(scores):
    """Means of the measures over seeds, by title; None where no seed has one."""
    return {
        title: {measure: _mean([score[title][measure] for score in scores]) for measure in measures}
        for title, measures in scores[0].items()
    }


def _mean(values):
    known = [value for value in values if value is not None]
    return np.mean(known) if known else None


def scores_table(head, columns, scores):
    """A Markdown table, with one row for each title."""
    rows = (
        [title, *("" if measures.get(c) is None else f"{measures[c]:.3f}" for c in columns)]
        for title, measures in scores.items()
    )
    return markdown([head, *columns.values()], rows)


def describe(dataset, split, loaded, denoised, imputed):
    """Both tables of a data set, what they are about, and how the models were trained."""
    verified = "verified by digest" if dataset.verified else "not verified"
    parts = [
        f"## {inline(dataset.name)}, {split} set: denoising and imputation",
        scores_table("denoising", DENOISING, denoised),
        scores_table("imputation", IMPUTATION, imputed),
        f"Data {verified}.",
        *(describe_run(name, run) for name, (run, *_) in loaded.items()),
    ]
    return "\n\n".join(parts) + "\n"


def describe_all(options, sections, seconds):
    """The page: what is done, the sections of the data sets, and what made it."""
    words = ["python -m experiments.task_scores", *map(portable_run, options.runs)]
    words += [f"--split {options.split} --seeds {options.seeds}"]
    words += [f"--report {options.report}"] if options.report else []
    about = ", ".join(f"{name} {version}" for name, version in versions().items() if version)
    made = (
        f"Means over corruptions with {options.seeds} seeds. {about}; scored in {seconds / 60:.1f} minutes."
    )
    parts = [DENOISING_NOTE, IMPUTATION_NOTE, *sections, f"`{' '.join(words)}`", made]
    return "\n\n".join(parts) + "\n"


def portable_run(given):
    """A run as it is called elsewhere: a trained model by its name, another one by a folder in ``runs``."""
    return given if given in model_names() else f"runs/{Path(given).resolve().name}"


def describe_run(name, run):
    """How a run was trained, as far as it says so, and how long that took."""
    said = [f"seed {run.config['seed']}"]
    if "command" in run.config:
        said.insert(0, f"`{portable(run.config['command'])}`")
    said += [f"trained in {entry['seconds'] / 60:.1f} minutes" for entry in run.read_log()[-1:]]
    return f"{name}: {'; '.join(said)}."


def load_all(folders, **places):
    """By data set, run, model and data set by the name of the folder: a list of dicts."""
    found = {}
    for folder in folders:
        run, model, dataset = load(folder, **places)
        check_rolls(dataset, f"the data of {folder}", "leave it out", missing=False)
        of_dataset, name = found.setdefault(tuple(dataset.digests.items()), {}), run.folder.resolve().name
        if name in of_dataset:
            raise ValueError(f"runs must be in folders of different names, got {name} twice: rename one")
        of_dataset[name] = run, model, dataset
    return list(found.values())


def parse(arguments):
    parser = Parser(__doc__)
    add = parser.add_argument
    add("runs", nargs="+", help="folders of runs, or names of trained models")
    add("--split", default="test", choices=SPLITS)
    add_count(parser, "--seeds", 3, "number of corruptions")
    add_data_of_run(parser)
    add_report(
        parser, "write the tables to this Markdown file, and scores as they are made to .json beside it"
    )
    options = parser.parse_args(arguments)
    if options.report and Path(options.report).suffix == ".json":
        raise ValueError(
            f"--report must be Markdown, got {options.report}: scores are kept in JSON beside it"
        )
    check_report(options, " set: denoising and imputation")
    return options


def score(loaded, options, kept):
    """The section of a data set, from its runs."""
    dataset = next(iter(loaded.values()))[2]
    models = {name: model for name, (_, model, _) in loaded.items()}
    digests = {name: sha256(model.parameters.data).hexdigest() for name, model in models.items()}
    about = {"data": dataset.digests, "split": options.split}

    def measure(task, title, seed, compute, *arguments):
        print(f"{dataset.name}, {task} {seed}: {title}", flush=True)
        weights = [digest for name, digest in digests.items() if title.startswith(name)]
        of = {**about, "weights": weights, "task": task, "title": title, "seed": seed}
        return kept.result(partial(compute, *arguments), **of)

    cleaners, fillers = denoisers(dataset.train, models), imputers(dataset.train, models)
    thresholds = {
        title: measure("threshold", title, CORRUPTION_SEED, choose_threshold, filler, dataset.valid)
        for title, filler in fillers.items()
        if filler.kind == "probabilities"
    }
    sequences, denoised, imputed = getattr(dataset, options.split), [], []
    for seed in range(1, options.seeds + 1):
        noisy, observed = corrupt(sequences, seed)
        denoised.append({})
        for title, denoiser in cleaners.items():
            arguments = denoiser, noisy, sequences
            denoised[-1][title] = measure("denoising", title, seed, score_denoiser, *arguments)
        imputed.append({})
        for title, filler in fillers.items():
            arguments = filler, sequences, observed, seed, thresholds.get(title)
            imputed[-1][title] = measure("imputation", title, seed, score_imputer, *arguments)
    return describe(dataset, options.split, loaded, average(denoised), average(imputed))


def main(arguments=None):
    options = parse(arguments)
    kept = Kept(options.report and Path(options.report).with_suffix(".json"), options.force)
    sections = [score(loaded, options, kept) for loaded in load_all(options.runs, **data_of_run(options))]
    text = describe_all(options, sections, kept.seconds)
    print(text)
    write_report(options, text)
    return 0


if __name__ == "__main__":
    command_line.run(main, "scores so far are kept if there is a --report; run the same command to continue")
