"""Scores of the trained models that come with the project, computed again on the user's copy of the data."""

import math
import time

from breze_like.trained import find_run, load_model, model_names
from experiments.paper.results import describe_run
from experiments.paper.scoring import score
from experiments.paper.seeds import system_of

# By how much exact scores may differ, in nats per time step: what single precision makes of them on different
# machines; and estimates, in standard errors of their difference.
TOLERANCE, N_STANDARD_ERRORS = 1e-4, 3


def rescore(system, dataset, n_draws=None, backend="auto"):
    """`describe_run` of a data set's trained models of a system, with scores that were computed now.

    Parameters
    ----------
    system : str
        A key of `SYSTEMS`.
    dataset : Dataset
    n_draws : int, optional
        Of the latents; by default as many as its own scores are of.
    backend : str
        Which one computes.

    Returns
    -------
    list of dict
        One for each seed; empty if there is no such model. Those of seeds whose parameters do not come with
        the project have the scores that were published.

    Raises
    ------
    ValueError
        If a model was trained on other data.
    """
    named = (name.split("/") for name in model_names())
    places = [place for folder, place in named if folder == dataset.name and system_of(place) == system]
    return [_rescore(f"{dataset.name}/{place}", dataset, n_draws, backend) for place in places]


def _rescore(name, dataset, n_draws, backend):
    run = find_run(name)
    if run.config["data"]["digests"] != dataset.digests:
        raise ValueError(
            f"{name} was trained on another version of the data set {dataset.name}: restore that version"
        )
    kept = describe_run(run, "test", n_draws)
    if not run.has_weights:
        print(f"{name}: as published, since its parameters do not come with the project", flush=True)
        return kept
    _, model = load_model(name, backend)
    n_draws, started = n_draws or kept["n_samples"], time.monotonic()
    scores = score(model, dataset.test, n_draws, progress=True)
    for line in comparison(kept["scores"], scores):
        print(f"{name}, {line}", flush=True)
    about = {"scores": scores, "n_samples": n_draws, "seconds": round(time.monotonic() - started, 2)}
    return {**kept, **about}


def comparison(before, now):
    """A line for each score that was known before: whether it is the same."""
    for name, kept in before.items():
        number, difference = now[name]["per_step"], abs(now[name]["per_step"] - kept["per_step"])
        verdict = "as published" if difference <= allowed(kept, now[name]) else "DIFFERS"
        yield f"{name}: {number:.4f}, {verdict} ({kept['per_step']:.4f})"


def allowed(before, now):
    """By how much two averages per step may differ.

    Importance sampled and annealed scores of fewer draws are larger: as far as that goes, they do differ.
    """
    errors = (a.get("per_step_standard_error") or 0.0 for a in (before, now))
    return max(TOLERANCE, N_STANDARD_ERRORS * math.hypot(*errors))
