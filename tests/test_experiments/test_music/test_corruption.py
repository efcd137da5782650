"""Noise and missing frames."""

import numpy as np
import pytest

from experiments.music.corruption import N_REMOVED, P_ON, add_usual_noise, remove_frames, remove_somewhere


def test_notes_are_switched_on_and_never_off(rng):
    roll = (rng.random((500, 88)) < 0.1).astype(np.uint8)
    before = roll.copy()
    noisy = add_usual_noise(roll, rng)
    assert noisy.dtype == np.uint8 and set(np.unique(noisy)) == {0, 1}
    assert (noisy >= roll).all() and (roll == before).all()
    assert noisy[roll == 0].mean() == pytest.approx(P_ON, abs=4 * np.sqrt(P_ON / roll.size))


def test_what_is_missing_gets_no_noise(rng):
    roll = np.where(rng.random((50, 40)) < 0.2, np.nan, rng.random((50, 40)) < 0.1)
    for sequence in (roll, rng.standard_normal((50, 40)) + 0 * roll):
        noisy = add_usual_noise(sequence, rng)
        np.testing.assert_array_equal(np.isnan(noisy), np.isnan(sequence))
        assert (noisy[~np.isnan(noisy)] != sequence[~np.isnan(noisy)]).any()
    assert set(np.unique(add_usual_noise(roll, rng)[~np.isnan(roll)])) == {0, 1}


def test_real_values_get_noise_of_half_their_deviation(rng):
    values = (10 * rng.standard_normal((4000, 2))).astype(np.float32)
    noisy = add_usual_noise(values, rng)
    assert noisy.dtype == np.float32
    np.testing.assert_allclose((noisy - values).std(axis=0), [5.0, 5.0], rtol=0.1)


def test_each_feature_gets_noise_in_its_own_units(rng):
    values = 1e5 + rng.standard_normal((4000, 3)) * [100, 1, 0]
    values[::2, 1] = np.nan
    noise = add_usual_noise(values, rng) - values
    np.testing.assert_allclose(np.nanstd(noise, axis=0), [50, 0.5, 0], rtol=0.1)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 24, 25, 100])
def test_frames_are_removed_in_a_row_inside(n_steps):
    observed = remove_frames(np.zeros((n_steps, 3)))
    assert (observed.all(axis=1) | ~observed.any(axis=1)).all()
    missing = np.flatnonzero(~observed[:, 0])
    assert len(missing) == min(N_REMOVED, -(-n_steps // 3))
    assert (np.diff(missing) == 1).all()
    assert n_steps < 3 or 0 < missing[0] and missing[-1] < n_steps - 1


def test_frames_are_removed_somewhere(rng):
    for length in (1, 2, 9, 20):
        first = set()
        for _ in range(50):
            known = remove_somewhere(np.zeros((length, 3)), rng)
            missing = np.flatnonzero(~known[:, 0])
            assert len(missing) == min(8, length - 1)
            assert known[0].all()
            assert (known == known[:, :1]).all()
            assert (np.diff(missing) == 1).all()
            first |= set(missing[:1])
        assert len(first) == max(1, length - 8) - (length == 1)
