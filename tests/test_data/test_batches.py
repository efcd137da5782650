import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor import config

from breze_like.data import chunk, minibatches, pad

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def sequences_of(lengths, n_features=3):
    """Sequences with no zero in them, each with its own values."""
    return [np.full((n, n_features), 1.0 + index) for index, n in enumerate(lengths)]


class TestChunk:
    def test_cuts_into_consecutive_pieces(self):
        sequences = [np.arange(7)[:, None], np.arange(3)[:, None], np.arange(6)[:, None]]
        pieces = chunk(sequences, 3)
        assert [piece.ravel().tolist() for piece in pieces] == [
            [0, 1, 2],
            [3, 4, 5],
            [6],
            [0, 1, 2],
            [0, 1, 2],
            [3, 4, 5],
        ]

    def test_length_must_be_positive(self):
        with pytest.raises(ValueError, match="length must be at least 1, got 0"):
            chunk([np.zeros((3, 1))], 0)


class TestPad:
    def test_puts_zeros_first(self):
        observations, mask = pad([np.ones((1, 2)), np.full((3, 2), 5), np.full((2, 2), 7)])
        assert observations[:, :, 0].tolist() == [[0, 5, 0], [0, 5, 7], [1, 5, 7]]
        assert np.array_equal(observations[:, :, 0], observations[:, :, 1])
        assert mask.tolist() == [[0, 1, 0], [0, 1, 1], [1, 1, 1]]

    def test_pads_to_a_number_of_steps(self):
        observations, mask = pad([np.ones((2, 2))], n_steps=5)
        assert observations.shape == (5, 1, 2)
        assert mask.ravel().tolist() == [0, 0, 0, 1, 1]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_is_of_type_floatX(self, dtype):
        with config.change_flags(floatX=dtype):
            observations, mask = pad([np.ones((2, 2), np.uint8)])
        assert observations.dtype == mask.dtype == dtype

    def test_rejects(self):
        with pytest.raises(ValueError, match="n_steps must be at least .* 3, got 2"):
            pad([np.ones((3, 1))], n_steps=2)
        with pytest.raises(ValueError, match="at least one sequence"):
            pad([])


class TestMinibatches:
    @settings(deadline=None)
    @given(n=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 99))
    def test_one_shape_and_every_sequence(self, n, batch_size, seed):
        batches = minibatches(n, batch_size, np.random.default_rng(seed))
        assert {batch.shape for batch in batches} == {(min(batch_size, n),)}
        counts = np.bincount(np.concatenate(batches), minlength=n)
        assert counts.min() == 1 and counts.max() <= 2 and len(counts) == n
        assert (counts == 2).sum() < batch_size
        for batch in batches:
            assert len(set(batch.tolist())) == len(batch)

    def test_order_is_random_and_reproducible(self):
        first, again, second = (
            np.concatenate(minibatches(30, 10, np.random.default_rng(seed))) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("n, batch_size, name", [(0, 3, "n"), (3, 0, "batch_size")])
    def test_rejects(self, n, batch_size, name, rng):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            minibatches(n, batch_size, rng)
