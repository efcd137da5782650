import numpy as np
import pytest

from breze_like.initialize import Initialization, limit_incoming, normal, scale_spectral_radius

NUMBERS = ["weight_scale", "weight_variance", "recurrent_variance", "n_incoming", "spectral_radius"]


def spectral_radius(weights):
    return np.abs(np.linalg.eigvals(weights)).max()


def test_normal(rng):
    drawn = normal(rng, (400, 500), 0.3)
    assert drawn.shape == (400, 500)
    assert abs(drawn.mean()) < 5 * 0.3 / np.sqrt(drawn.size)
    np.testing.assert_allclose(drawn.var(), 0.09, rtol=5 * np.sqrt(2 / drawn.size))
    np.testing.assert_allclose((drawn**4).mean(), 3 * 0.3**4, rtol=5 * np.sqrt(32 / 3 / drawn.size))


class TestLimitIncoming:
    @pytest.mark.parametrize("n_incoming", [1, 7, 20])
    def test_keeps_so_many_in_each_column(self, rng, n_incoming):
        weights = rng.normal(size=(20, 300))
        limited = limit_incoming(rng, weights, n_incoming)
        kept = limited != 0
        assert np.all(kept.sum(axis=0) == n_incoming)
        np.testing.assert_array_equal(limited[kept], weights[kept])
        # Each row is as likely as the others.
        share = n_incoming / 20
        np.testing.assert_allclose(kept.mean(axis=1), share, atol=5 * np.sqrt(share * (1 - share) / 300))

    def test_keeps_all_where_there_are_few(self, rng):
        weights = rng.normal(size=(3, 5))
        np.testing.assert_array_equal(limit_incoming(rng, weights, 4), weights)

    def test_columns_are_independent(self, rng):
        kept = limit_incoming(rng, np.ones((10, 100)), 5)
        assert len({tuple(column) for column in kept.T}) > 50


class TestScaleSpectralRadius:
    @pytest.mark.parametrize("radius", [0.5, 1.0, 1.2])
    def test_by_eigenvalues(self, rng, radius):
        weights = rng.normal(size=(30, 30))
        scaled = scale_spectral_radius(weights, radius)
        np.testing.assert_allclose(spectral_radius(scaled), radius, rtol=1e-12)
        np.testing.assert_allclose(scaled / weights, (scaled / weights)[0, 0], rtol=1e-12)

    def test_complex_eigenvalues(self):
        """A rotation has no real eigenvalue."""
        np.testing.assert_allclose(
            scale_spectral_radius(np.array([[0, -2.0], [2, 0]]), 0.5), [[0, -0.5], [0.5, 0]]
        )

    def test_reference_values(self, goldens):
        reference = goldens("g4_climin_2215b1a.npz")
        for bound in (1.0, 1.1):
            scaled = scale_spectral_radius(reference["init_matrix"], bound)
            np.testing.assert_allclose(scaled, reference[f"bound_sr_{bound}"], rtol=1e-12)

    @pytest.mark.parametrize("weights", [np.zeros((3, 3)), np.zeros((1, 1))])
    def test_rejects_a_radius_of_zero(self, weights):
        with pytest.raises(ValueError, match="weights must have an eigenvalue other than zero"):
            scale_spectral_radius(weights, 1.0)


class TestInitialization:
    def test_weights(self, rng):
        drawn = Initialization(weight_scale=2.0).weights(rng, (100, 900))
        np.testing.assert_allclose(drawn.std(), 2 / np.sqrt(100), rtol=5 / np.sqrt(2 * drawn.size))

    @pytest.mark.parametrize("shape", [(100, 900), (400, 225)])
    def test_variance_of_its_own(self, rng, shape):
        drawn = Initialization(weight_variance=0.01).weights(rng, shape)
        np.testing.assert_allclose(drawn.var(), 0.01, rtol=5 * np.sqrt(2 / drawn.size))

    def test_variance_of_recurrent_weights_is_lost_in_their_scale(self):
        drawn = [
            Initialization(recurrent_variance=variance).recurrent(np.random.default_rng(0), (40, 40))
            for variance in (1.0, 1e-4)
        ]
        np.testing.assert_allclose(*drawn, rtol=1e-12)

    def test_recurrent(self, rng):
        drawn = Initialization(n_incoming=7, spectral_radius=1.1).recurrent(rng, (40, 40))
        assert np.all((drawn != 0).sum(axis=0) == 7)
        np.testing.assert_allclose(spectral_radius(drawn), 1.1, rtol=1e-12)

    def test_is_determined_by_the_generator(self):
        def draw(seed):
            rng, initialization = np.random.default_rng(seed), Initialization()
            return np.stack([initialization.weights(rng, (30, 30)), initialization.recurrent(rng, (30, 30))])

        np.testing.assert_array_equal(draw(3), draw(3))
        assert not np.array_equal(draw(3), draw(4))

    @pytest.mark.parametrize("value", [0.025, 0.975, 1.5])
    def test_rejects_where_no_learned_probability_gets(self, value):
        with pytest.raises(ValueError, match=f"learned_p_keep must be between 0.025 and 0.975, got {value}"):
            Initialization(learned_p_keep=value)

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("value", [0, -1, float("nan")])
    def test_rejects(self, name, value):
        with pytest.raises(
            ValueError, match=f"{name} must be (a )?(positive|finite)( integer| number)?, got {value}"
        ):
            Initialization(**{name: value})

    @pytest.mark.parametrize("value", [True, float("inf"), "1", None])
    @pytest.mark.parametrize("name", [*NUMBERS, "emission_bias"])
    def test_rejects_what_is_no_finite_number(self, name, value):
        if name == "weight_variance" and value is None:
            return
        with pytest.raises(ValueError, match=f"{name} must be a (finite number|positive integer), got"):
            Initialization(**{name: value})

    def test_rejects_a_part_of_a_connection(self):
        with pytest.raises(ValueError, match="n_incoming must be a positive integer, got 2.5"):
            Initialization(n_incoming=2.5)
