"""The section of a report on one run: scores, learning curve, songs, latents, configuration."""

import numpy as np

from breze_like.data import pad
from breze_like.models import VOSP, VRAE, FrameNADE, HiddenMarkov
from breze_like.models.base import check_observations
from breze_like.pictures import figures, strips
from breze_like.pictures.figures import picture
from breze_like.pictures.html import element, table, wide
from breze_like.pictures.songs import Songs
from breze_like.tasks import denoise, impute_draws, sample
from breze_like.trained import bounds_nothing
from experiments.command_line.commands import portable
from experiments.music.corruption import NOISE_SHARE, P_ON, add_usual_noise, remove_frames
from experiments.paper.results import remarks, rows

N_SAMPLES = 2

# Draws of the missing entries that are combined.
N_DRAWS = 20

READS = {
    VRAE: "The VRAE reads the whole sequence to reconstruct each frame.",
    HiddenMarkov: "The hidden Markov model reads the whole sequence to find the state of each frame.",
    FrameNADE: "The NADE reads nothing: all of its frames are the same.",
    VOSP: "The VOSP reads the sequence up to the frame that it reconstructs, including that frame.",
}
PREDICTS = "The model predicts each frame from the frames before it, and has not seen the frame itself."


def folded(name, result, model, content):
    """A run's section behind a line that says what it is of; a link to it, or a click, opens it."""
    summary = element("summary", _title(name, result, model))
    return element("details", summary, content, class_="run")


def section(anchor, name, result, model, song, rng):
    """All about one run.

    Parameters
    ----------
    anchor, name : str
        The id in the page, and the title.
    result : dict
        As of `describe_run`, with the ``"floor"`` of validation scores, if there is one.
    model : Model
        Trained.
    song : ndarray, shape (n_steps, n_visible)
        Of the test set; what is denoised and completed.
    rng : numpy.random.Generator

    Returns
    -------
    Markup
    """
    (song,) = check_observations(model, [song])
    return element(
        "section",
        element("h2", _title(name, result, model), id=f"{anchor}-title"),
        _facts(result, model),
        _scores(result),
        _learning_curve(name, result),
        _reconstruction(model, song),
        _denoising(model, song, rng),
        _imputation(model, song, rng),
        _samples(model, song, rng),
        _latents(model, song),
        _configuration(result["config"]),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )


def _title(name, result, model):
    return f"{name}: {type(model).__name__} on {result['config']['data']['name']}"


def _facts(result, model):
    config, last = result["config"], (result["log"] or [None])[-1]
    facts = [f"{model.parameters.size:,} parameters", f"seed {config['seed']}"]
    if last:
        facts.append(
            f"{last['epoch']} epochs, {last['update']} updates in {last['seconds'] / 60:.1f} minutes"
        )
    return element("p", "; ".join(facts) + ".", class_="soft")


def _scores(result):
    head = [(f"{result['split']} set, nats per time step", False), ("per step", True), ("per sequence", True)]
    return element(
        "div",
        element("h3", "Scores"),
        table(head, rows(result), "Scores"),
        *(element("p", f"{line[0].upper()}{line[1:]}.") for line in remarks(result)),
        element(
            "p",
            "Lower is better. “<” marks an upper bound on the negative log-likelihood, “±” a standard error.",
            class_="soft",
        ),
    )


def _learning_curve(name, result):
    if not result["log"]:
        return element("p", "There is no log of the training.")
    is_published = bounds_nothing(result["config"])
    label = f"{name}: published objective, not a bound" if is_published else name
    published = {label} if is_published else ()
    figure = figures.curves_and_roll({label: result["log"]}, published, floor=result.get("floor"))
    alt = f"Learning curve of {name}: validation scores over {result['log'][-1]['update']} updates"
    image = wide(picture(figure, alt, "svg"), f"Learning curve of {name}")
    return element("div", element("h3", "Learning curve"), image)


def _reconstruction(model, song):
    binary = model.emission.binary
    (modes,) = denoise(model, [song])
    name = "reconstruction" if "reconstruction" in model.expressions else "prediction"
    expression = "reconstruction" if name == "reconstruction" else "emission/mean"
    mean = model.function(["observations", "mask"], expression)(*pad([song]))[:, 0]
    songs = Songs(song, binary, modes)
    shown = [songs.row("Original", song, marked=False)]
    if binary:
        shown.append(songs.row(f"Probabilities of the {name}", mean, marked=False))
    shown.append(songs.row(name.capitalize(), modes if binary else mean))
    words = next((text for kind, text in READS.items() if isinstance(model, kind)), PREDICTS)
    return _group(name.capitalize(), f"{words} Time runs to the right.", shown)


def _denoising(model, song, rng):
    noisy = add_usual_noise(song, rng)
    (modes,) = denoise(model, [noisy])
    if not model.emission.binary:
        songs = Songs(song, False, modes)
        how = f"Noise is added, with {NOISE_SHARE} times the variance of each feature in the sequence."
        return _group("Denoising", how, [songs.row("Noisy", noisy), songs.row("Denoised", modes)])
    (denoised,) = denoise(model, [noisy], P_ON)
    songs = Songs(song, True, denoised, modes)
    shown = [
        songs.row("Noisy", noisy),
        songs.row("Denoised, knowing the noise", denoised),
        songs.row("Denoised by modes, as in the paper", modes),
    ]
    return _group("Denoising", f"Each note is switched on with probability {P_ON}.", shown)


def _imputation(model, song, rng):
    observed = remove_frames(song)
    missing = ~observed.all(axis=1)
    (recovered,) = impute_draws(model, [song], [observed], rng, n_draws=N_DRAWS).completed
    songs = Songs(song, model.emission.binary, recovered)
    with_hole = song * observed if model.emission.binary else np.where(observed, song, np.nan)
    return _group(
        "Imputation",
        f"{missing.sum()} frames, shaded, are removed, and filled in by combining {N_DRAWS} draws.",
        [
            songs.row("Incomplete", with_hole, missing),
            songs.row("Completed", recovered, missing),
        ],
    )


def _samples(model, song, rng):
    drawn = [new.astype(song.dtype) for new in sample(model, rng, len(song), N_SAMPLES)]
    shown = [
        Songs(new, model.emission.binary).row(f"Sample {i}", new, marked=False)
        for i, new in enumerate(drawn, 1)
    ]
    return _group("Samples", "New sequences, drawn from the model.", shown)


def _latents(model, song):
    if "recognition/mean" not in model.expressions:
        return element("p", "The model has no latents, and its scores are exact.")
    names = ["recognition/mean", "recognition/variance"]
    mean, variance = (m[:, 0] for m in model.function(["observations", "mask"], names)(*pad([song])))
    shown = min(strips.N_LATENTS, mean.shape[1])
    alt = f"Means of {shown} latents over {len(song)} time steps, plus and minus two standard deviations"
    words = (
        f"Approximate posterior given the original: the {shown} of {mean.shape[1]} latents whose means "
        "vary most, plus and minus two standard deviations."
    )
    image = wide(picture(strips.latents(mean, variance), alt, "svg"), "Latents over time")
    return element("div", element("h3", "Latents"), element("p", words, class_="soft"), image)


def _configuration(config):
    described = {name: value for name, value in config.items() if name != "command"}
    settings = table([("setting", False), ("value", False)], _flat(described), "Configuration")
    return element(
        "div",
        element("h3", "Configuration"),
        element("p", element("code", portable(config["command"]))) if "command" in config else "",
        element("details", element("summary", "All settings and versions"), settings),
    )


def _flat(config, prefix=""):
    """Name and text of each setting; names of parts are joined by a dot."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield f"{prefix}{name}", text


def _group(title, words, shown):
    return element(
        "div",
        element("h3", title),
        element("p", words, class_="soft"),
        element("div", *shown, class_="songs"),
    )
