"""Draw the paper's Figure 3, denoising and imputation, from trained models.

    python -m experiments.figure3 --denoiser nottingham/vosp_published --imputer nottingham/vrae_published
    python -m experiments.figure3 --run runs/table1/chorales/vrae --out pictures
    python -m experiments.figure3

The first command makes the paper's figure: a VOSP denoises, online, and a VRAE imputes, both by modes. The
second one uses one run for both. The last one first trains a small VRAE in runs/figure3/DATASET; run again,
it continues the training, or uses the model if it is finished. Each note of two songs is switched on with
probability 0.05, and eight frames of another song are removed; the results are compared with the songs: wrong
notes are red, missing ones blue, and both are counted over all keys in the steps that are shown.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from breze_like import data
from breze_like.files import file_name
from breze_like.models import VOSP, VRAE
from breze_like.pictures import figures
from breze_like.tasks import denoise, impute
from breze_like.trained import load, load_model
from breze_like.training import is_finished
from experiments import command_line
from experiments.command_line.arguments import Parser, add_data_of_run, add_seed, data_of_run
from experiments.command_line.reports import add_force, check_files
from experiments.music.corruption import P_ON, add_usual_noise, remove_frames
from experiments.paper.experiment import train
from experiments.paper.presets import check_rolls, system_for
from experiments.paper.system_runs import existing_run, make_config

FILES = ("figure3.png", "figure3.pdf")

N_SONGS = 3

# Steps that are shown.
N_SHOWN = 64


def load_run(run, options):
    """`load` a run that is given; its data may be elsewhere now."""
    try:
        return load(run, **data_of_run(options))
    except ValueError as error:
        if options.dataset is None:
            raise
        raise ValueError(f"--dataset must be the data of the run, or be left out: {error}") from error


def load_two(options):
    """The models of --denoiser and --imputer, and their data set, which is the same."""
    if options.run or not (options.denoiser and options.imputer):
        raise ValueError("--denoiser and --imputer must be given together, and without --run")
    _, denoiser, dataset = load_run(options.denoiser, options)
    _, imputer, other = load_run(options.imputer, options)
    if dataset.digests != other.digests:
        raise ValueError(
            f"--denoiser and --imputer must be trained on the same data, got {dataset.name} and {other.name}"
        )
    return denoiser, imputer, dataset


def find_or_train(dataset_name, data_dir, seed, backend):
    """A trained VRAE of the usual settings, and its data set."""
    dataset = data.load(dataset_name, data_dir)
    check_songs(dataset)
    folder = Path("runs") / "figure3" / file_name(dataset.name)
    system = system_for("vrae", dataset)
    run = existing_run(folder, system, dataset)
    if run and is_finished(run):
        return load_model(folder, backend)[1], dataset
    settings = SimpleNamespace(budget=1.0, seed=seed, backend=backend)
    config = run.config if run else make_config(system, dataset, dataset_name, settings)
    _, model = train(config, dataset, folder, resume=True)
    return model, dataset


def check_songs(dataset):
    """Raise a ValueError if a data set can't be drawn: it is no piano rolls, or too few songs."""
    check_rolls(dataset, "data set", "choose another", missing=False)
    if len(dataset.test) < N_SONGS:
        raise ValueError(
            f"data set must have at least {N_SONGS} test sequences, {dataset.name} has {len(dataset.test)}: "
            "choose another"
        )


def draw(denoiser, imputer, songs, rng):
    """The figure: all but the last of the songs are denoised, the last one is completed.

    Parameters
    ----------
    denoiser, imputer : Model
    songs : list of ndarray, shape (n_steps, n_features)
    rng : numpy.random.Generator

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[len(songs) - 1, 1], wspace=0.03)
    _draw_denoising(left, denoiser, songs[:-1], rng)
    _draw_imputation(right, imputer, songs[-1], rng)
    return figure


def _draw_denoising(figure, model, songs, rng):
    noisy = [add_usual_noise(song, rng) for song in songs]
    denoised = denoise(model, noisy)
    figure.suptitle(f"denoising{_by(model)}")
    columns = figure.subplots(3, len(songs), squeeze=False).T
    for axes, rolls in zip(columns, zip(songs, noisy, denoised, strict=True), strict=True):
        clean, noisy, denoised = (roll[:N_SHOWN] for roll in rolls)
        notes = figures.note_range(clean, denoised)
        title = f"switched on with probability {P_ON}: {_errors(noisy, clean)}"
        figures.piano_roll(axes[0], clean, notes, f"clean: {clean.sum()} notes")
        figures.compared_roll(axes[1], noisy, clean, notes, title)
        figures.compared_roll(axes[2], denoised, clean, notes, f"denoised: {_errors(denoised, clean)}")
        _tidy(axes)
    for axes in columns[1:].flat:
        axes.set_ylabel(None)


def _draw_imputation(figure, model, song, rng):
    song = song[:N_SHOWN]
    observed = remove_frames(song)
    (recovered,) = impute(model, [song], [observed], rng)
    notes = figures.note_range(song, recovered)
    missing = np.flatnonzero(~observed.all(axis=1))
    n_removed = (song * ~observed).sum()
    figure.suptitle(f"imputation{_by(model)}")
    axes = figure.subplots(4, 1)
    figures.piano_roll(axes[0], song, notes, "original")
    figures.piano_roll(
        axes[1], song * observed, notes, f"{len(missing)} time steps removed, of {n_removed} notes"
    )
    figures.piano_roll(axes[2], recovered, notes, "recovered")
    figures.compared_roll(
        axes[3], recovered > song, song > recovered, notes, f"errors: {_errors(recovered, song)}"
    )
    for each in axes[1:]:
        figures.shade(each, missing[0], missing[-1] + 1)
    _tidy(axes)


def _by(model):
    return f" by a {type(model).__name__}" if isinstance(model, VRAE | VOSP) else ""


def _errors(roll, truth):
    """In words, how many notes are not as they should be."""
    wrong, missing = (roll > truth).sum(), (roll < truth).sum()
    return f"{wrong} wrong (red)" + (f", {missing} missing (blue)" if missing else "")


def _tidy(axes):
    """Times below the last one of a column only."""
    for each in axes[:-1]:
        each.tick_params(labelbottom=False)
    for each in axes:
        each.title.set_fontsize("small")
    axes[-1].set_xlabel("time step")


def main(arguments=None):
    parser = Parser(__doc__)
    add = parser.add_argument
    add("--run", help="folder or name of a trained run, for both; if none is given, one is trained")
    add("--denoiser", metavar="RUN", help="the run that denoises")
    add("--imputer", metavar="RUN", help="the run that imputes, of the same data")
    add_data_of_run(
        parser, "a data set of piano rolls, or a file (chorales); with --run, where its data are now"
    )
    add_seed(parser)
    add("--out", default="runs/figures", help="folder for the pictures")
    add_force(parser)
    options = parser.parse_args(arguments)
    check_files(options.out, dict.fromkeys(FILES), options.force)
    if options.denoiser or options.imputer:
        denoiser, imputer, dataset = load_two(options)
        check_songs(dataset)
    elif options.run:
        _, denoiser, dataset = load_run(options.run, options)
        check_songs(dataset)
        imputer = denoiser
    else:
        name = options.dataset or "chorales"
        denoiser, dataset = find_or_train(name, options.data_dir, options.seed, options.backend)
        imputer = denoiser
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw(denoiser, imputer, dataset.test[:N_SONGS], np.random.default_rng(options.seed))
    for name in FILES:
        figures.save(figure, folder / name)
    print(f"figure3.png and .pdf are in {folder}")
    return 0


if __name__ == "__main__":
    command_line.run(
        main, "no picture was written, what was trained is saved; run the same command to continue"
    )
