import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breze_like.data import load
from experiments.benchmarks.peers.by_length import batches_by_length

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def n_steps_of(shapes):
    return sum(n_steps * n_columns for n_steps, n_columns in shapes)


@settings(deadline=None)
@given(lengths=LENGTHS, max_steps=st.integers(1, 300), max_padding=st.floats(0, 0.9))
def test_every_sequence_has_a_column_that_is_long_enough(lengths, max_steps, max_padding):
    shapes = batches_by_length(lengths, max_steps, max_padding)
    assert all(n_steps * n_columns <= max(max_steps, max(lengths)) for n_steps, n_columns in shapes)
    columns = sorted((n_steps for n_steps, n_columns in shapes for _ in range(n_columns)), reverse=True)
    longest_first = sorted(lengths, reverse=True)
    assert len(columns) >= len(lengths)
    assert all(n >= length for n, length in zip(columns, longest_first, strict=False))


@settings(deadline=None)
@given(lengths=LENGTHS)
def test_keeps_to_the_padding(lengths):
    assert n_steps_of(batches_by_length(lengths, 10_000, 0.25)) <= sum(lengths) / 0.75


def test_fewest_shapes_and_best_cuts():
    """Against all possible cuts of a small set."""
    lengths = np.array([1, 2, 2, 3, 5, 8, 9, 13, 14, 20])
    shapes = batches_by_length(lengths, 1000, 0.2)

    def fewest_steps(n_groups, stop):
        if n_groups == 1:
            return stop * lengths[stop - 1]
        return min(
            fewest_steps(n_groups - 1, cut) + (stop - cut) * lengths[stop - 1]
            for cut in range(n_groups - 1, stop)
        )

    n = len(lengths)
    assert n_steps_of(shapes) == fewest_steps(len(shapes), n) <= lengths.sum() / 0.8
    assert fewest_steps(len(shapes) - 1, n) > lengths.sum() / 0.8


def test_batches_of_a_group_are_equally_wide():
    assert batches_by_length([10] * 7, max_steps=30) == [(10, 3)] * 3


@pytest.mark.parametrize("name", ["jsb_chorales", "nottingham", "piano_midi", "musedata"])
def test_few_shapes_for_the_standard_sets(name, standard_data):
    lengths = [len(sequence) for sequence in load(name, standard_data).test]
    shapes = batches_by_length(lengths)
    assert len(set(shapes)) <= 6
    assert sum(lengths) >= 0.75 * n_steps_of(shapes)
