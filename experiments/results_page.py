"""The page about all results, from what comes with the project.

    python -m experiments.results_page

It writes experiments/results/README.md, and a picture of learning curves for each data set, from the trained
models, the list of trials, and the table of what test sets share with training sets. Nothing is computed
again, and no data are needed; `experiments.publish`, `trials` and `leakage` add to the material of the page.
"""

from pathlib import Path

from breze_like.pictures import figures
from breze_like.trained import models_folder
from experiments import command_line
from experiments.command_line.arguments import Parser, add_count
from experiments.command_line.reports import add_force, check_files, write_text
from experiments.pages.results_sections import models_by_dataset, page, picture, picture_name, plural
from experiments.paper.trials import read

# What an earlier page has in its first lines, and no other one.
MARK = "Made by `python -m experiments.results_page`"


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument(
        "--results", default="experiments/results", help="folder of the page and the list of trials"
    )
    add_count(parser, "--cores", 2, "number of cores of the machine that the trials ran on (2)")
    add_force(parser, "let the page and its pictures replace any files, not only earlier ones")
    options = parser.parse_args(arguments)
    folder = Path(options.results)
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is no folder: --results must be the folder of the page and the list of trials"
        )
    models, lines = models_by_dataset(), list(read(folder / "trials.csv").values())
    pictures = {name: picture_name(name) for name in models}
    check_files(
        folder,
        {"README.md": MARK, **dict.fromkeys(pictures.values(), figures.MARK)},
        options.force,
        "--results",
    )
    if not models and not lines:
        raise ValueError(
            f"there are no trained models in {models_folder()}, and no trials in {folder}: "
            "add some with experiments.publish and experiments.trials"
        )
    leakage = folder / "leakage.md"
    text = page(models, lines, leakage.read_text() if leakage.exists() else "", options.cores)
    for name, of_dataset in models.items():
        figures.save(picture(of_dataset, name), folder / pictures[name])
    write_text(folder / "README.md", text)
    n_models = sum(map(len, models.values()))
    about = f"{plural(n_models, 'model')} and {plural(len(lines), 'trial')}"
    print(f"{folder / 'README.md'} is about {about}")
    return 0


if __name__ == "__main__":
    command_line.run(main, "no page was written; run the same command to start over")
