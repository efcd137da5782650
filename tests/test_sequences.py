import numpy as np
import pytest
from pytensor import config

from breze_like.sequences import check_sequences, numbers_of_observed


def test_unifies_data_types():
    binary = check_sequences([[[0, 1], [1, 1]], np.ones((1, 2), bool), np.zeros((3, 2))])
    assert [sequence.dtype for sequence in binary] == [np.uint8] * 3
    assert binary[0].tolist() == [[0, 1], [1, 1]]
    values = check_sequences([np.ones((1, 2), np.float32), [[1, -3]]], binary=False)
    assert [sequence.dtype for sequence in values] == [config.floatX] * 2
    assert values[1].tolist() == [[1, -3]]


def test_missing_values_stay_where_they_are_allowed():
    reals = check_sequences([[[1.5, np.nan]], [[-np.nan, 2]]], binary=False, missing=True)
    np.testing.assert_array_equal(reals, [[[1.5, np.nan]], [[np.nan, 2]]])
    assert len({sequence[np.isnan(sequence)].tobytes() for sequence in reals}) == 1
    rolls = check_sequences([[[0, np.nan]], [[0, 1]]], missing=True)
    np.testing.assert_array_equal(rolls, [[[0, np.nan]], [[0, 1]]])
    assert [roll.dtype for roll in rolls] == [config.floatX] * 2
    assert check_sequences([[[0.0, 1.0]]], missing=True)[0].dtype == np.uint8
    with pytest.raises(ValueError, match="must be finite, got inf"):
        check_sequences([[[np.nan, np.inf]]], binary=False, missing=True)


def test_takes_a_3d_array_sequence_by_sequence():
    assert len(check_sequences(np.zeros((4, 5, 6)))) == 4


@pytest.mark.parametrize(
    "sequences, options, message",
    [
        ([], {}, "songs must hold at least one sequence, got none"),
        (np.zeros((5, 2)), {}, r"songs\[0\] must be 2-D.*got shape \(2,\)"),
        ([[[0]], np.zeros((0, 1))], {}, r"songs\[1\] must have at least one step.*got shape \(0, 1\)"),
        ([np.zeros((3, 0))], {}, r"songs\[0\] must have at least one step and one feature"),
        ([np.zeros((3, 2)), np.zeros((3, 4))], {}, r"songs\[1\] must have 2 features, got 4"),
        ([np.zeros((3, 87))], {"n_features": 88}, r"songs\[0\] must have 88 features, got 87"),
        ([[[0, 1], [0, 2]]], {}, r"songs\[0\] must be 0 or 1, got 2 at step 1, feature 1"),
        ([[[0, np.nan]]], {}, r"songs\[0\] must be 0 or 1, got nan at step 0, feature 1"),
        ([[[0, 0.5]]], {}, "must be 0 or 1, got 0.5"),
        ([[[0, -1]]], {}, "must be 0 or 1, got -1"),
        ([[[0, np.nan]]], {"binary": False}, "must be finite, got nan at step 0, feature 1"),
        ([[[0, -np.inf]]], {"binary": False}, "must be finite, got -inf"),
        (
            [[[-1e200, 1]]],
            {"binary": False},
            r"must be at most 1.3e\+154 in size \(float64 .*, got -1e\+200 at",
        ),
        ([[["a", "b"]]], {}, r"songs\[0\] must be real numbers, got data type <U1"),
        ([[[1j]]], {}, "must be real numbers, got data type complex128"),
        ([[[1, 2], [3]]], {}, "must be a rectangular array"),
    ],
)
def test_rejects(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        check_sequences(sequences, name="songs", **options)


def test_rejects_what_single_precision_cannot_hold():
    with config.change_flags(floatX="float32"), pytest.raises(ValueError, match="finite"):
        check_sequences([[[1e300]]], binary=False)


class Frame:
    """What a data frame is to NumPy."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_data_frames_and_single_features():
    sequences = [Frame([[0.5], [1.5]]), Frame([0.5, 1.5]), [0.5, 1.5]]
    for checked in check_sequences(sequences, 1, binary=False):
        assert checked.tolist() == [[0.5], [1.5]]
    with pytest.raises(ValueError, match=r"sequences\[0\] must be 2-D"):
        check_sequences([Frame([0.5, 1.5])], 2, binary=False)


class NullableFrame:
    """As a data frame of pandas whose types know NA: objects as an array, numbers on demand."""

    def __init__(self, rows):
        self.rows, self.columns = rows, range(len(rows[0]))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.rows, object)

    def to_numpy(self, dtype, na_value):
        return np.array([[na_value if value is None else value for value in row] for row in self.rows], dtype)


def test_data_frames_whose_types_know_missing_values():
    frames = [NullableFrame([[1.5, None], [2, 3]])]
    expected = [[1.5, np.nan], [2, 3]]
    np.testing.assert_array_equal(check_sequences(frames, binary=False, missing=True)[0], expected)
    with pytest.raises(ValueError, match=r"sequences\[0\] must be real numbers, got data type object"):
        check_sequences([NullableFrame([["a", 1]])], binary=False)


@pytest.mark.parametrize("value", [None, 3, {"a": np.eye(2)}, "abc", NullableFrame([[1]])])
def test_what_is_no_list_of_sequences(value):
    got = type(value).__name__
    with pytest.raises(ValueError, match=f"^songs must be a list of sequences, got {got}$"):
        check_sequences(value, name="songs")


def test_any_iterable_of_sequences():
    assert len(check_sequences(np.eye(2) for _ in range(3))) == 3


def test_a_warning_where_single_precision_loses_what_differs():
    with config.change_flags(floatX="float32"):
        large = 1e8 + np.sin(np.arange(30.0))[:, None]
        with pytest.warns(UserWarning, match="single precision rounds away how they differ: subtract"):
            check_sequences([large], binary=False)
        with pytest.warns(UserWarning, match="single precision"):
            check_sequences([np.array([[10**8], [10**8 + 1]])], binary=False)
        for fine in (
            np.array([[1], [3]]),
            large - 1e8,
            np.full((3, 1), 0.1),
            np.array([[1e8], [2e8]]),
            np.array([[0.1, 1e19]]),
        ):
            check_sequences([fine], binary=False)


def test_masked_entries_are_missing():
    x = np.ma.masked_array([[1, 0], [9, 1]], mask=[[0, 0], [1, 0]])
    (checked,) = check_sequences([x], missing=True)
    np.testing.assert_array_equal(checked, [[1, 0], [np.nan, 1]])
    assert numbers_of_observed([x, np.ones((2, 2))]).tolist() == [3, 4]
    with pytest.raises(ValueError, match="must be 0 or 1, got nan at step 1, feature 0"):
        check_sequences([x])
    (whole,) = check_sequences([np.ma.masked_array([[1, 0]])])
    assert whole.dtype == np.uint8
