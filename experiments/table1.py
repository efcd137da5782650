"""Train the systems of the paper's Table 1, score them on the test set, and save a table and a picture.

    python -m experiments.table1
    python -m experiments.table1 --datasets jsb_chorales nottingham --models fdrnn vosp
    python -m experiments.table1 --seeds 3
    python -m experiments.table1 --trained

This is the project's main command. Without arguments it trains systems on Bach's chorales, which come with
the project, in about four minutes on two cores. It can be stopped at any time; the same command does what is
left to do. A run that is already in OUT/DATASET/SYSTEM is used whatever its settings, so a longer one can be
put there with experiments.train. With --search, the best run of a random search is used. With --seeds, there
are several runs of each system, and rows are means and ranges; runs of further seeds are kept in
OUT/DATASET/SYSTEM_seed2 and so on. On a GPU, one program trains all seeds of a system. With --trained,
nothing is trained: the models that come with the project, all seeds of them, are scored again.

Other systems' rows stay in a table that exists already. A row keeps its number of draws, whatever other
numbers `experiments.evaluate` has scored its run with since.
"""

import argparse
from pathlib import Path

from breze_like import data
from breze_like.files import file_name
from breze_like.pictures import figures
from breze_like.runs import Run
from breze_like.trained import bounds_nothing, load_model, model_names, models_folder
from breze_like.training import TrainingDiverged
from experiments import command_line
from experiments.command_line.arguments import Parser, Positive, add_count, add_data_dir, add_seed, flag
from experiments.command_line.arguments import parse as parse_arguments
from experiments.command_line.reports import add_force, check_files, write_text
from experiments.paper import collapse, kept_rows
from experiments.paper.experiment import reconstruct, train, train_together
from experiments.paper.presets import check_rolls, refuses, system_for
from experiments.paper.rescoring import rescore
from experiments.paper.results import describe_run, evaluate
from experiments.paper.rows import FORMATS, MARKS, as_text, floor_row, system_rows
from experiments.paper.seeds import combine, place
from experiments.paper.system_runs import (
    N_DRAWS,
    N_DRAWS_OF_PUBLISHED,
    check_search,
    done,
    draws_for,
    existing_run,
    find_config,
    found_by_search,
    other_budget,
    trainable_together,
)
from experiments.paper.systems import FLOOR, ON_REQUEST, SYSTEMS, TITLES, has_latents

# The data set by default; its table is the README's.
DEFAULT = "chorales"

# Flags that say how to train.
OF_TRAINING = ("budget", "seed", "seeds", "search")

# Steps of the reconstruction in the picture.
N_SHOWN = 100


def finish(folder, system, dataset, given, options):
    """`describe_run` of a system's run, which is trained and scored as far as that is not done yet."""
    run = existing_run(folder, system, dataset)
    if line := run and other_budget(run, system, dataset, options.budget):
        print(line, flush=True)
    if run and (result := done(run, options.n_draws)):
        print(f"done already, in {folder}", flush=True)
        return result
    config = find_config(folder, system, dataset, given, options)
    try:
        run, model = train(config, dataset, folder, resume=True)
        result = evaluate(run, model, dataset, "test", options.n_draws or draws_for(run.config))
    except TrainingDiverged as error:
        print(f"diverged: {error}", flush=True)
        return {**describe_run(Run(folder), "test"), "scores": {}}
    if "warning" in result:
        print(f"warning: {result['warning']}", flush=True)
    return result


def make_table(dataset, given, names, options, before=()):
    """The rows of a data set, and by system `describe_run` of each run; tells how far it is.

    Where the table had rows `before`, a system is scored with as many draws as its row is of.
    """
    rows, results = [], {}
    names = [name for name in names if not refuses(name, dataset)]
    for i, name in enumerate(names, 1):
        print(f"\n{dataset.name}, {i} of {len(names)}: {TITLES[name]}", flush=True)
        if name == FLOOR:
            rows.append(floor_row(dataset))
        else:
            n_draws = options.n_draws or kept_rows.draws_of(before, name)
            if options.trained:
                found = rescore(name, dataset, n_draws, options.backend)
            else:
                of_row = argparse.Namespace(**{**vars(options), "n_draws": n_draws})
                found = finish_seeds(name, dataset, given, of_row)
            if not found:
                print("no trained model", flush=True)
                continue
            results[name] = combine(found)
            rows += system_rows(dataset, name, results[name])
        print(as_text(rows), flush=True)
    return rows, results


def finish_seeds(name, dataset, given, options):
    """`finish` the runs of all seeds of a system; of a search, its best run.

    They are trained `trainable_together` where that is better, and one after the other else.
    """
    folder, system = Path(options.out) / file_name(dataset.name), system_for(name, dataset)
    if best := options.search and found_by_search(options.search, name, dataset):
        return [finish(best, system, dataset, given, options)]
    places = {}
    for seed in range(options.seed, options.seed + options.seeds):
        of_seed = argparse.Namespace(**{**vars(options), "seed": seed})
        places[folder / place(name, seed, options.seed)] = of_seed
    configs = {path: find_config(path, system, dataset, given, places[path]) for path in places}
    if many := trainable_together(configs):
        print("seeds", *(config["seed"] for config in many.values()), "together", flush=True)
        train_together(list(many.values()), dataset, list(many))
    results = []
    for path, of_seed in places.items():
        if len(places) > 1:
            print(f"seed {of_seed.seed}", flush=True)
        results.append(finish(path, system, dataset, given, of_seed))
    return results


def picture(dataset, results):
    """Learning curves of all systems; if there is a VRAE, its reconstruction of a test sequence."""
    logs = {TITLES[name]: result["log"] for name, result in results.items()}
    published = {TITLES[name] for name, result in results.items() if bounds_nothing(result["config"])}
    lowest = collapse.floor(dataset.train, dataset.valid).per_step
    if not results.get("vrae", {}).get("scores"):
        return figures.curves_and_roll(logs, published, floor=lowest)
    _, model = load_model(results["vrae"]["run"])
    sequence = dataset.test[0][:N_SHOWN]
    return figures.curves_and_roll(logs, published, sequence, reconstruct(model, sequence), lowest)


def places_of(dataset, options):
    """The folders of tables, by the flag that says so, and how the files of a data set begin there."""
    stem = "trained" if options.trained else "table1"
    stem += "" if dataset.name == DEFAULT else f"_{file_name(dataset.name)}"
    given = {"--out": options.out, "--results": options.results}
    return {flag: Path(folder) for flag, folder in given.items() if folder}, stem


def check_tables(dataset, options):
    """Raise a ValueError if there are files in the places of the tables that are no earlier ones of them."""
    folders, stem = places_of(dataset, options)
    for called, folder in folders.items():
        marks = {f"{stem}{extension}": mark for extension, mark in MARKS.items()}
        check_files(folder, {**marks, f"{stem}.png": figures.MARK}, options.force, called)


def tables_before(dataset, options):
    """By folder, the rows of the table in it, which is to be rewritten."""
    folders, stem = places_of(dataset, options)
    paths = [folder / stem for folder in folders.values()]
    return {path: kept_rows.read(Path(f"{path}.json"), dataset, options.force) for path in paths}


def runs_before(dataset, tables, options):
    """`describe_run` of runs whose rows are in a table already, by system, as far as they are there."""
    folder = (models_folder() if options.trained else Path(options.out)) / file_name(dataset.name)
    systems = {row.system for rows in tables.values() for row in rows} - {FLOOR}
    there = [name for name in SYSTEMS if name in systems and (folder / name / "config.json").exists()]
    return {name: describe_run(Run(folder / name), "test") for name in there}


def save(dataset, rows, results, tables, options):
    """Write the table in all formats, and the picture; each file whole or not at all."""
    for path, before in tables.items():
        together = kept_rows.together(rows, before, dataset)
        for extension, write in FORMATS.items():
            write_text(Path(f"{path}{extension}"), write(together))
    if results:
        found = runs_before(dataset, tables, options) | results
        figure = picture(dataset, {name: found[name] for name in SYSTEMS if name in found})
        for path in tables:
            figures.save(figure, Path(f"{path}.png"))
    systems = dict.fromkeys(row.system for before in tables.values() for row in before)
    if kept := [name for name in systems if name not in {row.system for row in rows}]:
        print(f"kept earlier rows: {', '.join(kept)}", flush=True)
    places = " and ".join(str(path.parent) for path in tables)
    signs = 'A score with "<" is an upper bound, "±" a standard error.'
    print(f"{path.name} is in {places}. {signs}", flush=True)


def load_datasets(options):
    """All data sets, each with what it was given as: what is wrong is said before anything is trained."""
    datasets, given_names = {}, options.datasets or [DEFAULT]
    if options.trained and not options.datasets:
        given_names = [name.partition("/")[0] for name in model_names()]
        if not given_names:
            raise ValueError(
                f"there are no trained models in {models_folder()}: add some with experiments.publish"
            )
    for given in dict.fromkeys(given_names):
        dataset = data.load(given, options.data_dir)
        check_rolls(dataset, "--datasets", "leave it out")
        if "models" in options.given and (
            refused := [name for name in options.models if refuses(name, dataset)]
        ):
            raise ValueError(
                f"--models must not have a NADE if values are missing, as in {dataset.name}, since each key "
                f"depends on those before it: leave out {', '.join(refused)}"
            )
        if file_name(dataset.name) in datasets:
            raise ValueError(f"--datasets must have different names, got {dataset.name} twice: rename a file")
        check_tables(dataset, options)
        datasets[file_name(dataset.name)] = dataset, given
    if options.search:
        check_search(options.search, [dataset for dataset, _ in datasets.values()])
    return datasets.values()


def parse(arguments):
    parser = Parser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--datasets", nargs="+", help=f"names of piano-roll data sets, or files ({DEFAULT})")
    add_data_dir(parser)
    add("--models", nargs="+", help=f"which rows (all; on {DEFAULT} all except {', '.join(ON_REQUEST)})")
    add(
        "--budget",
        type=float,
        default=1.0,
        action=Positive,
        help="factor by which each system's usual number of updates on the data set is multiplied",
    )
    add_seed(parser, "seed of all random numbers; with --seeds, the first one")
    add_count(parser, "--seeds", 1, "number of runs of each system, with consecutive seeds")
    add(
        "--n-draws",
        type=int,
        action=Positive,
        help="draws of the latents for the scores; runs with fewer are scored again (new scores: "
        f"{N_DRAWS}, with the published objective {N_DRAWS_OF_PUBLISHED})",
    )
    add("--out", default="runs/table1", help="folder for runs, tables and pictures")
    add("--search", help="folder of searches, such as runs/search, whose best runs are used for the table")
    add("--trained", action="store_true", help="score the models that come with the project; train nothing")
    add("--results", help="another folder for tables and pictures")
    add("--backend", default="auto", help="auto, jax, cvm or numba")
    add_force(
        parser,
        "let tables and pictures replace any files, not only earlier tables and pictures; runs are kept",
    )
    options = parse_arguments(parser, arguments)
    unknown = [name for name in options.models or () if name not in TITLES]
    if unknown:
        raise ValueError(f"--models must be among {', '.join(TITLES)}, got {', '.join(unknown)}")
    if options.models is None:
        left_out = () if options.trained or options.datasets else ON_REQUEST
        options.models = [name for name in TITLES if name not in left_out]
    check_given(options)
    return options


def check_given(options):
    """Refuse flags that nothing reads: of training without any, of draws without latents."""
    of_latents = [name for name in options.models if name != FLOOR and has_latents(SYSTEMS[name])]
    reasons = {
        "with --trained, which trains nothing": OF_TRAINING if options.trained else (),
        "for floor, which is not trained": OF_TRAINING if options.models == [FLOOR] else (),
        f"for {', '.join(options.models)}, without latents": () if of_latents else ("n_draws",),
    }
    for reason, names in reasons.items():
        for name in options.given.intersection(names):
            raise ValueError(f"{flag(name)} must not be given {reason}: leave it out")


def main(arguments=None):
    options = parse(arguments)
    names = [name for name in TITLES if name in options.models]
    if options.trained:
        command_line.stopping("nothing was written; run the same command to start over")
    datasets = [(*loaded, tables_before(loaded[0], options)) for loaded in load_datasets(options)]
    for dataset, given, tables in datasets:
        before = [row for rows in tables.values() for row in rows]
        rows, results = make_table(dataset, given, names, options, before)
        save(dataset, rows, results, tables, options)
    return 0


if __name__ == "__main__":
    command_line.run(
        main, "all runs are saved; run the same command to continue, it writes the table at its end"
    )
