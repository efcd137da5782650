import numpy as np

from breze_like.latent_draws import streams
from breze_like.tasks.columns import Noise, over_batches, pad_columns


def test_columns_come_back_in_order_and_without_padding(rng):
    sequences = [rng.standard_normal((n, 2)) for n in (3, 40, 1, 3, 7)]
    widths = set()

    def double(indices, observations, mask):
        widths.add(mask.shape)
        return [2 * observations, mask]

    doubled, masks = over_batches(double, sequences)
    for sequence, twice, mask in zip(sequences, doubled, masks, strict=True):
        np.testing.assert_array_equal(twice, 2 * sequence)
        np.testing.assert_array_equal(mask, np.ones(len(sequence)))
    assert len(widths) < len(sequences)


def test_batches_are_smaller_if_each_column_becomes_several():
    sizes = []
    sequences = [np.zeros((100, 1))] * 60
    over_batches(lambda indices, x, mask: [sizes.append(mask.size) or x], sequences, n_draws=10)
    assert max(sizes) <= 2000


def test_padded_columns():
    padded = pad_columns([np.ones((2, 1)), np.ones((3, 1))], np.zeros((3, 4)))
    assert padded[:, :, 0].tolist() == [[0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]


def test_noise_of_a_sequence_does_not_depend_on_those_beside_it():
    mask = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0.0]])
    together = Noise(streams(np.random.default_rng(1), 2), mask, n_draws=2)
    rng = np.random.default_rng(1)
    alone = [Noise(streams(rng, 1), np.ones((n, 1)), n_draws=2) for n in (3, 2)]

    def draw(rng, n):
        return rng.random((n, 4))

    for _ in range(2):
        drawn = together(draw)
        assert drawn.shape == (3, 6, 4)
        assert (drawn[:, [2, 5]] == 0).all()
        for column, (noise, n) in enumerate(zip(alone, (3, 2), strict=True)):
            expected = noise(draw)
            np.testing.assert_array_equal(drawn[-n:, [column, 3 + column]], expected)
            assert (expected[:, 0] != expected[:, 1]).all()
