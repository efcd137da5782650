"""Write one HTML page about trained runs, to look at and to listen to.

    python -m experiments.report runs/table1/chorales/vrae runs/table1/chorales/vosp --out report.html

For each run, the page has configuration, learning curve, scores, latents over time, samples, and a song of
the test set reconstructed, denoised and completed, with a player for each piano roll. Several runs are folded
below a table that compares them. The page needs no other file and no network.
"""

from pathlib import Path

import numpy as np

from breze_like.pictures import figures
from breze_like.pictures.figures import picture
from breze_like.pictures.html import element, table, wide
from breze_like.trained import bounds_nothing, load
from experiments import command_line
from experiments.command_line.arguments import Parser, add_data_of_run, add_seed, data_of_run
from experiments.command_line.reports import add_force, check_place
from experiments.pages.html import page, write
from experiments.pages.report_sections import folded, section
from experiments.paper import collapse
from experiments.paper.averages import average_text
from experiments.paper.results import BOUNDS, COMPARED, describe_run, with_warning
from experiments.paper.scoring import score

SPLIT = "test"

# Steps of a song: eight seconds.
N_STEPS = 32


def result_of(run, model, dataset):
    """`describe_run`, with scores of the run as it is: quick ones if there are none, or older ones."""
    result = describe_run(run, SPLIT)
    if not result["scores"] or result.get("update") != (result["log"] or [{}])[-1].get("update"):
        result["scores"] = score(model, getattr(dataset, SPLIT), n_samples=0)
        result["n_samples"] = 0
    return with_warning(result, dataset)


def names_of(folders):
    """What the runs are called: their folders' names, or whole paths if these are not unique."""
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else list(map(str, folders))


def comparison(names, results):
    """A table of all runs, and their learning curves."""
    titles = [*COMPARED.values(), "published objective, not a bound"]
    head = [
        ("run", False),
        ("data", False),
        *((t, True) for t in titles),
        ("updates", True),
        ("minutes", True),
    ]
    lines = [
        [element("a", name, href=f"#run-{i}"), *_cells(result)]
        for i, (name, result) in enumerate(zip(names, results, strict=True), 1)
    ]
    logs = {name: result["log"] for name, result in zip(names, results, strict=True)}
    floors = {result["floor"] for result in results}
    lowest = floors.pop() if len(floors) == 1 else None
    dashed = {name for name, result in zip(names, results, strict=True) if bounds_nothing(result["config"])}
    alt = f"Learning curves of {', '.join(names)}: validation scores over updates"
    curves = figures.curves_and_roll(logs, dashed, floor=lowest)
    return element(
        "section",
        element("h2", "Comparison", id="comparison"),
        element("p", f"Nats per time step of the {SPLIT} set; lower is better.", class_="soft"),
        table(head, lines, "Comparison of the runs"),
        wide(picture(curves, alt, "svg"), "Learning curves of all runs"),
        element("p", "Dashed: the published objective, not a bound.", class_="soft") if dashed else "",
        aria_labelledby="comparison",
    )


def _cells(result):
    is_published = bounds_nothing(result["config"])
    scores = result["scores"]
    texts = [
        average_text(scores[n], "per_step", 3, "<" * (n in BOUNDS)) if n in scores else "" for n in COMPARED
    ]
    objective = average_text(scores["objective"], "per_step", 3) if is_published else ""
    last = (result["log"] or [{"update": "", "seconds": np.nan}])[-1]
    minutes = "" if np.isnan(last["seconds"]) else f"{last['seconds'] / 60:.1f}"
    return [result["config"]["data"]["name"], *texts, objective, last["update"], minutes]


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of trained runs")
    add_data_of_run(parser)
    add_seed(parser, "seed of noise and samples (1)")
    parser.add_argument("--out", default="report.html", help="file to write the page to (report.html)")
    add_force(parser, "replace an existing page")
    options = parser.parse_args(arguments)
    target = Path(options.out)
    check_place(target, options.force)

    folders = [Path(folder) for folder in dict.fromkeys(options.runs)]
    # What is wrong is said before work begins.
    loaded = [load(folder, **data_of_run(options)) for folder in folders]
    names, results, sections = names_of(folders), [], []
    for i, (name, (run, model, dataset)) in enumerate(zip(names, loaded, strict=True), 1):
        print(f"{i} of {len(folders)}: {run.folder}", flush=True)
        results.append(result_of(run, model, dataset))
        lowest = (
            collapse.floor(dataset.train, dataset.valid).per_step if dataset.is_of_zeros_and_ones else None
        )
        results[-1]["floor"] = lowest
        song, rng = getattr(dataset, SPLIT)[0][:N_STEPS], np.random.default_rng(options.seed)
        content = section(f"run-{i}", name, results[-1], model, song, rng)
        sections.append(folded(name, results[-1], model, content) if len(folders) > 1 else content)

    title = f"Report on {names[0]}" if len(names) == 1 else f"Report on {len(names)} runs"
    content = page(title, comparison(names, results) if len(names) > 1 else "", *sections)
    write(target, content)
    return 0


if __name__ == "__main__":
    command_line.run(main, "no page was written; run the same command to start over")
