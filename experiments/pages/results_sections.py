"""The parts of the page about all results: an overview, a section for each data set, costs, and leakage."""

from types import SimpleNamespace

from breze_like.pictures import figures
from breze_like.runs import Run
from breze_like.trained import bounds_nothing, model_names, models_folder
from experiments.command_line.commands import portable
from experiments.command_line.tables import markdown, rule_of
from experiments.paper.published import DATASETS, OTHERS, PAPER, VALIDATION_FLOORS
from experiments.paper.results import describe_run
from experiments.paper.row_notes import about_scores, data_and_time
from experiments.paper.rows import cell, markdown_table, system_rows
from experiments.paper.seeds import combine, system_of
from experiments.paper.systems import SYSTEMS, TITLES
from experiments.paper.trials_summary import N_BEST, by_system, choices, chunk_length, hours

SAME = 5e-4  # nats per step by which scores of one configuration may differ

INTRODUCTION = f"""# Results

Made by `python -m experiments.results_page` from the [trained models](models), the [list of all
trials](trials.csv) and [what test sets share with training sets](leakage.md). Scores are negative
log-likelihoods of the test sets in nats per time step, of whole sequences, including the first frame; lower
is better. "<" marks an upper bound. The published objective is not a bound: with enough latents, it falls far
below any likelihood. It can be compared only with itself. `python -m experiments.table1 --trained` computes
the scores again, on your copy of the data, and says whether they are the same.

Configurations were chosen by validation scores. For each system, the best {N_BEST} trials are shown; a star
marks those that were then scored on the test set, and the list says when. Validation scores are of chunks as
long as those of the training, so that trials with different `--chunk-length` can't be compared by them.
"""

OVERVIEW = """## In short

This table has exact scores, the tightest bounds (importance sampled, annealed or by particle filters, as
stated in the tables below), and values of the published objective. In square brackets are the numbers of the
paper, and of others: their importance sampled scores, to be compared with importance sampled scores here.
"""

LEAKAGE = """## What the test sets share with their training sets

Made by `python -m experiments.leakage`. Copies are pieces that are also in the training set, note for note.
Known frames, and known windows of 32 steps, are those of the test set that occur in the training set. Notes
of new keys are notes of the test set on keys that are never on in the training set; a model can only learn
that they are improbable.
"""


def models_by_dataset():
    """`combine` of all seeds of each trained model of a system: a dict by data set of dicts by system."""
    found = {}
    for name in model_names():
        dataset, _, place = name.partition("/")
        if system_of(place) not in SYSTEMS:
            continue
        results = found.setdefault(dataset, {}).setdefault(system_of(place), [])
        results.append(describe_run(Run(models_folder() / name), "test"))
    order = list(SYSTEMS)
    return {
        dataset: {
            system: combine(results)
            for system, results in sorted(systems.items(), key=lambda item: order.index(item[0]))
        }
        for dataset, systems in found.items()
    }


def overview(models):
    """The best score of each system on each of the paper's data sets, next to published ones."""
    names = [name for name in DATASETS if name in models]
    rows = []
    for system in SYSTEMS:
        results = [models[name].get(system) for name in names]
        if any(results):
            rows.append([TITLES[system], *(best(system, result) if result else "" for result in results)])
    return f"{OVERVIEW}\n{text_table(['system', *(DATASETS[name] for name in names)], rows)}"


def best(system, result):
    """The score that says most of a result: the exact one, the tightest bound, or the published objective."""
    rows = rows_of(system, result)
    first, last = rows[0], rows[-1]
    if bounds_nothing(result["config"]):
        ours, published = cell(first, "published_objective"), cell(first, "paper_published")
    else:
        ours, published = cell(last, "per_step"), cell(first, "paper_exact")
    beside = ", ".join(filter(None, (published, first.others)))
    return f"{ours} [{beside}]" if beside else ours


def section(dataset, models, lines):
    """What is known of a data set: the text of its section."""
    parts = [f"## {DATASETS.get(dataset, dataset)}\n"]
    if models:
        rows = [row for name, result in models.items() for row in rows_of(name, result)]
        runs = {row.system: row for row in rows}.values()
        said = [data_and_time(rows, runs), *about_scores(rows)]
        parts += [markdown_table(rows) + "\n", "\n\n".join(said) + "\n"]
        parts.append(f"![Validation scores over updates, {dataset}]({picture_name(dataset)})\n")
        parts += ["### How the numbers were obtained\n", "".join(made(*item) for item in models.items())]
    else:
        parts.append("No model for this data set has been published here yet.\n")
    if lines:
        parts += ["### What was tried\n", trials_table(lines), *unscored(lines)]
    return "\n".join(parts)


def rows_of(name, result):
    recorded = result["config"]["data"]
    return system_rows(SimpleNamespace(name=recorded["name"], verified=recorded["verified"]), name, result)


def made(name, result):
    """An item of a list: how a system's model was made."""
    config, last = result["config"], result["log"][-1]
    scores = [entry["valid_score"] for entry in result["log"] if entry["valid_score"] is not None]
    seeds = ", ".join(map(str, result["seeds"]))
    facts = [
        f"seed{'s' if len(result['seeds']) > 1 else ''} {seeds}",
        f"{last['update']} updates in {result['training_seconds'] / 60:.1f} minutes",
        f"best validation score {min(scores):.3f}",
        f"scored in {result['seconds'] / 60:.1f} minutes",
        f"commit {config['versions']['commit']}",
    ]
    return f"- **{TITLES[name]}**: {', '.join(facts)}.\n  `{portable(config['command'])}`\n"


def trials_table(lines):
    """The best trials of each system."""
    rows = []
    for name, of_system in by_system(lines).items():
        title = f"{TITLES.get(name, name)}, {plural(len(of_system), 'trial')}, {duration(of_system)}"
        for line in of_system[:N_BEST]:
            score = line["best_valid_score"] or "none"
            star = " *" if line["scored_on_test"] else ""
            stopped = "" if line["finished"] == "yes" else ", stopped"
            length = f"{line['updates']} updates, {line['minutes']} min{stopped}"
            rows.append([title, score + star, length, line["seed"], line["commit"], f"`{choices(line)}`"])
            title = ""
    return text_table(["system", "validation score", "training", "seed", "commit", "configuration"], rows)


def unscored(lines):
    """A sentence about systems whose best trial was not scored on the test set, but another one was.

    Only trials of chunks of the same length are compared.
    """
    names = []
    for name, of_system in by_system(lines).items():
        on_test = next((line for line in of_system if line["scored_on_test"]), None)
        if on_test:
            best = next(line for line in of_system if chunk_length(line) == chunk_length(on_test))
            scores = [float(line["best_valid_score"] or "inf") for line in (best, on_test)]
            if scores[0] < scores[1] - SAME:
                names.append(f"{TITLES.get(name, name)} ({scores[0]:.3f}, {scores[1]:.3f} with a star)")
    return [f"The best trial was not scored on the test set: {', '.join(names)}.\n"] if names else []


def duration(lines):
    """How long trials took in all: text."""
    n = hours(lines)
    return f"{n:.1f} h" if n >= 1 else f"{60 * n:.0f} min"


def plural(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def elsewhere():
    """What is published for the paper's data sets."""
    head = ["method", *DATASETS.values(), "estimator", "source"]
    rows = []
    for published in (*PAPER, *OTHERS):
        source = published.source + (", as quoted elsewhere" if published.quoted else "")
        source += f"; {published.remark}" if published.remark else ""
        numbers = [published.numbers.get(dataset, "") for dataset in DATASETS]
        rows.append([published.method, *numbers, published.estimator, source])
    return "## Published elsewhere\n\n" + text_table(head, rows)


def cost(lines, n_cores):
    """Hours of training by data set, and core-hours in all."""
    names = list(dict.fromkeys([*DATASETS, *(line["dataset"] for line in lines)]))
    of_datasets = {name: [line for line in lines if line["dataset"] == name] for name in names}
    rows = [
        [DATASETS.get(name, name), str(len(found)), duration(found)]
        for name, found in of_datasets.items()
        if found
    ]
    rows.append(["all", str(len(lines)), duration(lines)])
    said = (
        f"Times are wall-clock times of one training at a time on {n_cores} cores, which also did other "
        f"work: at most {n_cores * hours(lines):.1f} core-hours.\n"
    )
    return "\n".join(["## What it cost\n", text_table(["data set", "trials", "training"], rows), said])


def text_table(head, rows):
    """A Markdown table in which no column is one of numbers."""
    return markdown(head, rows, rule_of([False] * len(head))) + "\n"


def picture_name(dataset):
    return f"curves_{dataset}.png"


def picture(models, dataset=None):
    """Validation scores of all models of a data set; of several seeds, those of the first."""
    published = {TITLES[name] for name, result in models.items() if bounds_nothing(result["config"])}
    logs = {TITLES[name]: result["log"] for name, result in models.items()}
    return figures.curves_and_roll(logs, published, floor=VALIDATION_FLOORS.get(dataset))


def page(models, lines, leakage, n_cores):
    """The text of the page."""
    datasets = dict.fromkeys([*DATASETS, *models])
    parts = [INTRODUCTION]
    if set(models) & set(DATASETS):
        parts.append(overview(models))
    for name in datasets:
        of_dataset = [line for line in lines if line["dataset"] == name]
        if name in models or of_dataset:
            parts.append(section(name, models.get(name, {}), of_dataset))
    parts.append(elsewhere())
    if lines:
        parts.append(cost(lines, n_cores))
    if leakage:
        parts.append(f"{LEAKAGE}\n{leakage}")
    return "\n".join(parts)
