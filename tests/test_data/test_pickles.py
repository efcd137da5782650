import io
import os
import pickle

import numpy as np
import pytest

from breze_like.data.pickles import load_notes

INTEGERS = [np.int64(-5), np.uint8(200), np.int16(-300), np.uint64(2**63), np.array(7, ">i4")[()]]


def loads(content):
    return load_notes(io.BytesIO(content))


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_integers_in_containers(protocol):
    content = {"train": [[(1, 2), ()], []], "more": INTEGERS, "large": 2**70, "text": "é"}
    result = loads(pickle.dumps(content, protocol=protocol))
    assert result == content
    assert all(type(number) is int for number in result["more"])


def test_reads_what_python_2_wrote():
    # {'test': [[(numpy.int64(72), 3)]]} in protocol 2, as in the original files.
    content = (
        b"\x80\x02}q\x01U\x04testq\x02]q\x03]q\x04cnumpy.core.multiarray\nscalar\nq\x05"
        b"cnumpy\ndtype\nq\x06U\x02i8K\x00K\x01\x87Rq\x07(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tbU\x08H\x00\x00\x00\x00\x00\x00\x00\x86Rq\x08K\x03\x86aas."
    )
    assert loads(content) == {"test": [[(72, 3)]]}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        np.array([0.5, np.inf], np.float16),
        np.array([[True], [False]]),
        np.zeros((0, 3)),
        np.float32([[[1.5]]]),
    ],
)
def test_reads_arrays(protocol, array):
    (result,) = loads(pickle.dumps([array], protocol=protocol))
    assert result.values.dtype == array.dtype
    np.testing.assert_array_equal(result.values, array)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_arrays_of_objects_and_other_numbers(protocol):
    array = np.array([[(1, 2)], [np.float64(0.5), np.float32(2)], np.bool_(True)], dtype=object)
    assert loads(pickle.dumps(array, protocol=protocol)).values == [[(1, 2)], [0.5, 2.0], True]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("make", [lambda *a: Call(*a), lambda *a: {"train": [[(Call(*a), 60)]]}])
def test_runs_nothing(tmp_path, protocol, make):
    content = pickle.dumps(make(os.system, f"touch {tmp_path}/ran"), protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match="it refers to .*system; only numbers"):
        loads(content)
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)
    assert (tmp_path / "ran").exists(), "the test's pickle is harmless"


@pytest.mark.parametrize(
    "value",
    [
        Call(eval, "1"),
        Call(getattr, [], "append"),
        Call(__import__, "os"),
        np.complex128(1),
        np.array("text"),
        np.array([(1, 2)], "i4,i4"),
        np.array([[[], 1], [1, 2]], object),
        np.zeros((1, 1, 1, 1)),
        np.datetime64(1, "s"),
        Call(np.dtype, [("a", int)]),
        Call(np.dtype, 3),
    ],
)
def test_refuses_anything_else(value):
    with pytest.raises(pickle.UnpicklingError):
        loads(pickle.dumps(value))


SCALAR = b"cnumpy.core.multiarray\nscalar\n"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
TYPE = b"cnumpy\ndtype\n(S'i8'\ntR"


@pytest.mark.parametrize(
    "content",
    [
        SCALAR + b"(I1\nS'12345678'\ntR.",  # no type
        SCALAR + b"(" + TYPE + b"S'1234'\ntR.",  # too few bytes
        SCALAR + b"(" + TYPE + b"I1\ntR.",  # no bytes
        SCALAR + b"(dS'x'\nI1\nsb.",  # alters the function
        SCALAR + b"(N(dS'_function'\nI1\nstb.",  # replaces it
        ARRAY + b"(I1\n(I2\nt" + TYPE + b"I00\nS'12345678'\ntb.",  # too few bytes
        ARRAY + b"(I1\n(I-1\nt" + TYPE + b"I00\nS''\ntb.",  # no shape
        ARRAY + b"(I1\n(I1\ntI1\nI00\nS'12345678'\ntb.",  # no type
        b"Pid\n.",  # persistent identifier
    ],
)
def test_refuses_misuse_of_what_is_allowed(content):
    with pytest.raises(pickle.UnpicklingError):
        loads(content)
    assert loads(SCALAR + b"(" + TYPE + b"S'H\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntR.") == 72


@pytest.mark.parametrize("order", "CF")
def test_objects_of_several_dimensions(order):
    values = np.array([[0.5, 2, 3], [4, 5, 6]], object, order=order)
    np.testing.assert_array_equal(load_notes(io.BytesIO(pickle.dumps(values))).values, values.astype(float))
