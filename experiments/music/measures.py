"""Measures of how good denoised and imputed piano rolls are."""

import numpy as np

# The measures of each task, and what they are called in a table.
DENOISING = {
    "f1": "F1",
    "wrong": "wrong among the noisy input's notes, %",
    "left": "switched-on notes that are left, %",
    "lost": "true notes that are lost, %",
}
IMPUTATION = {"nats": "nats per missing frame", "error": "wrong entries, %", "f1": "F1"}

# From which the threshold of an F1 is chosen.
THRESHOLDS = np.linspace(0.02, 0.98, 49)

# Probabilities are kept this far from 0 and 1.
SMALLEST_PROBABILITY = 1e-6


def f1(made, true):
    """Twice the notes that are in both, over the notes of the one and of the other."""
    n_notes = made.sum() + true.sum()
    return 2 * (made * true).sum() / n_notes if n_notes else 1.0


def score_denoising(made, noisy, clean):
    """The measures of `DENOISING`, over all entries of all sequences."""
    made, noisy, clean = (np.concatenate(sequences).astype(bool) for sequences in (made, noisy, clean))
    return {
        "f1": f1(made, clean),
        "wrong": _percentage((made != clean)[noisy]),
        "left": _percentage(made[noisy & ~clean]),
        "lost": _percentage((~made)[clean]),
    }


def score_imputation(made, true, observed, threshold=None):
    """The measures of `IMPUTATION`, over the missing entries of all sequences.

    With a threshold, what was made are probabilities: they have nats, the most probable entries have errors,
    and those whose probability reaches the threshold an F1. Without, what was made are entries.
    """
    entries, true_entries = missing(made, observed), missing(true, observed)
    if threshold is None:
        return {"error": _percentage(entries != true_entries), "f1": f1(entries, true_entries)}
    return {
        "nats": nats_per_frame(made, true, observed),
        "error": _percentage((entries >= 0.5) != true_entries),
        "f1": f1(entries >= threshold, true_entries),
    }


def _percentage(entries):
    """How many of them hold; None if there are none."""
    return 100 * entries.mean() if entries.size else None


def nats_per_frame(probabilities, true, observed):
    """Nats of `IMPUTATION`, of the missing entries whose truth is known; None if there are none.

    Parameters
    ----------
    probabilities, true : list of ndarray, shape (n_steps, n_visible)
        To be 1, and zeros and ones, or NaN.
    observed : list of ndarray of bool, of these shapes
    """
    asked = [~o & ~np.isnan(x) for x, o in zip(true, observed, strict=True)]
    n_frames = sum(a.any(axis=1).sum() for a in asked)
    if not n_frames:
        return None
    p, true = missing(probabilities, [~a for a in asked]), missing(true, [~a for a in asked])
    p = np.clip(p.astype(float), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return -np.log(np.where(true, p, 1 - p)).sum() / n_frames


def missing(sequences, observed):
    """The missing entries of all sequences, in one array."""
    return np.concatenate([x[~o] for x, o in zip(sequences, observed, strict=True)])


def best_threshold(probabilities, true, observed):
    """The one of `THRESHOLDS` with the largest F1."""
    p, true = missing(probabilities, observed), missing(true, observed)
    return max(THRESHOLDS, key=lambda threshold: f1(p >= threshold, true))
