import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breze_like.data import chunk, load, over_batches, pack, packed
from breze_like.data.packing import MAX_STEPS, MIN_COLUMNS

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def n_steps_of(batches):
    return sum(batch.mask.size for batch in batches)


@settings(deadline=None)
@given(lengths=LENGTHS, max_steps=st.integers(1, 500), max_padding=st.floats(0, 0.5))
def test_every_sequence_once_and_apart_from_others(lengths, max_steps, max_padding):
    batches = pack(lengths, max_steps, max_padding)
    assert sorted(i for batch in batches for i in batch.indices) == list(range(len(lengths)))
    assert len({batch.shape for batch in batches}) == 1
    n_steps, n_columns = batches[0].shape
    assert n_steps * n_columns <= max_steps or n_columns <= MIN_COLUMNS
    for batch in batches:
        own = [lengths[i] for i in batch.indices]
        # Each step of each sequence has a number of its own.
        numbers = np.split(1 + np.arange(sum(own)), np.cumsum(own)[:-1])
        placed = batch.place(numbers)
        assert np.array_equal(placed > 0, batch.mask == 1)
        assert placed.sum() == sum(own) * (sum(own) + 1) / 2
        for sequence, taken in zip(numbers, batch.take(placed), strict=True):
            assert np.array_equal(sequence, taken)
        assert np.array_equal(batch.sums(placed), [sequence.sum() for sequence in numbers])
        before, after = placed[:-1], placed[1:]
        ends = np.cumsum(own)
        assert not np.any(np.isin(before, ends) & (after > 0))


def test_arrays_of_vectors(rng):
    (batch,) = pack([4, 1, 2])
    arrays = [rng.standard_normal((n, 3)) for n in (4, 1, 2)]
    placed = batch.place(arrays)
    assert placed.shape == (4, 2, 3)
    assert batch.place([a.astype("uint8") for a in arrays]).dtype == batch.mask.dtype == "float64"  # floatX
    assert not placed[batch.mask == 0].any()
    for array, taken in zip(arrays, batch.take(placed), strict=True):
        assert np.array_equal(array, taken)


def test_all_batches_with_several_kinds_of_arrays(rng):
    kinds = [[rng.standard_normal((n, k)) for n in (30, 4, 9, 30)] for k in (1, 2)]
    found = [[None] * 4, [None] * 4]
    for batch, placed in packed(*kinds, max_steps=1):
        for kind, all_of_it in zip(placed, found, strict=True):
            for i, array in zip(batch.indices, batch.take(kind), strict=True):
                all_of_it[i] = array
    for kind, all_of_it in zip(kinds, found, strict=True):
        for array, expected in zip(all_of_it, kind, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_one_sequence_in_a_column_ends_with_it():
    (batch,) = pack([5, 4, 3])
    assert (batch.mask[-1] == 1).all()


@settings(deadline=None)
@given(n=st.integers(1, 50))
def test_equal_lengths_need_no_padding(n):
    assert pack([7] * n)[0].mask.all()


def test_columns_are_made_longer_where_that_leaves_less_padding():
    lengths = [100, *[60] * 40]
    (batch,) = pack(lengths)
    assert batch.shape[0] > 100
    assert sum(lengths) / batch.mask.size > 0.9


@settings(deadline=None)
@given(lengths=st.lists(st.integers(10, 60), min_size=100, max_size=200))
def test_many_sequences_are_at_least_four_fifths_of_all_steps(lengths):
    assert sum(lengths) >= 0.8 * n_steps_of(pack(lengths))


@pytest.mark.parametrize("name", ["jsb_chorales", "nottingham", "piano_midi", "musedata"])
def test_the_standard_sets_are_nine_tenths_of_all_steps(name, standard_data):
    data = load(name, standard_data)
    for sequences in (data.valid, data.test, chunk(data.valid)):
        lengths = [len(sequence) for sequence in sequences]
        assert sum(lengths) >= 0.9 * n_steps_of(pack(lengths))


@pytest.mark.parametrize("lengths", [[], [3, 0]])
def test_rejects_lengths(lengths):
    with pytest.raises(ValueError, match="lengths must have at least one entry, and be positive"):
        pack(lengths)


def test_rejects_a_bound():
    with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
        pack([1], max_steps=0)


@pytest.mark.parametrize("others", [[1, 1], [2]])
def test_rejects_arrays_of_other_lengths(others):
    """One frame for two steps would be repeated otherwise."""
    arrays = [[np.zeros((n, 3)) for n in lengths] for lengths in ([2, 1], others)]
    with pytest.raises(ValueError, match=r"arrays\[1\] must have the lengths of arrays\[0\], \[2, 1\], got"):
        next(packed(*arrays))


def test_columns_come_back_in_order_and_without_padding(rng):
    sequences = [rng.standard_normal((n, 2)) for n in (3, 40, 1, 3, 7)]
    shapes = []

    def double(batch, observations):
        shapes.append(batch.shape)
        return [2 * observations, batch.mask]

    doubled, masks = over_batches(double, sequences)
    for sequence, twice, mask in zip(sequences, doubled, masks, strict=True):
        np.testing.assert_array_equal(twice, 2 * sequence)
        np.testing.assert_array_equal(mask, np.ones(len(sequence)))
    ((_, n_columns),) = shapes
    assert n_columns < len(sequences)  # some share a column


def test_batches_are_smaller_if_each_column_becomes_several():
    sizes = []
    for sequences in ([np.zeros((100, 1))] * 60, [np.zeros((1000, 1))] * 3):
        over_batches(lambda batch, x: [sizes.append(batch.mask.size) or x], sequences, n_draws=10)
    assert max(sizes) <= MAX_STEPS / 10
