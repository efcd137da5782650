"""Division of sequences into splits, the same one each time."""

from collections.abc import Hashable, Sequence

import numpy as np

from breze_like.data.dataset import SPLITS

SEED = 0


def divide(names: Sequence[Hashable]) -> dict[str, list]:
    """Divide sequences into splits: a fifth for validation, a fifth for testing, the others for training.

    The random permutation has a fixed seed, 0, so the same number of sequences is always divided the same
    way.

    Parameters
    ----------
    names : list of str, or of other keys
        In order, at least 3.

    Returns
    -------
    dict of str to list of str
        For each split its names, at least one, in order.

    Raises
    ------
    ValueError
        If there are fewer than 3.
    """
    if len(names) < 3:
        raise ValueError(f"must have at least 3 sequences, to be divided into splits, got {len(names)}")
    # RandomState: its permutations are the same in all versions of NumPy.
    order = np.random.RandomState(SEED).permutation(len(names))  # noqa: NPY002
    n_held_out = max(1, round(len(names) / 5))
    test, valid, train = np.split(order, [n_held_out, 2 * n_held_out])
    indices = {"train": train, "valid": valid, "test": test}
    return {split: [names[index] for index in sorted(indices[split])] for split in SPLITS}
