import numpy as np

from breze_like.data import pack
from breze_like.estimators.latent_draws import streams
from breze_like.tasks.columns import Noise


def test_noise_of_a_sequence_does_not_depend_on_those_beside_it():
    (batch,) = pack([3, 2])
    together = Noise(batch, streams(np.random.default_rng(1), 2), n_draws=2)
    rng = np.random.default_rng(1)
    alone = [Noise(pack([n])[0], streams(rng, 1), n_draws=2) for n in (3, 2)]

    def draw(rng, n):
        return rng.random((n, 4))

    for _ in range(2):
        drawn = together(draw)
        assert drawn.shape == (3, 4, 4)
        assert (drawn[0, [1, 3]] == 0).all()
        for column, (noise, n) in enumerate(zip(alone, (3, 2), strict=True)):
            expected = noise(draw)
            np.testing.assert_array_equal(drawn[-n:, [column, 2 + column]], expected)
            assert (expected[:, 0] != expected[:, 1]).all()
