import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.checks import check_positive_integers, check_rng, check_sizes, choose


def test_choose():
    choices = {"a": 1, "b": 2}
    assert choose("letter", "b", choices) == 2
    assert choose("letter", choose, choices) is choose
    assert choose("letter", pt.sin, choices, "__call__") is pt.sin
    assert choose("letter", 1.5, choices, "real") == 1.5
    with pytest.raises(ValueError, match=r"letter must be one of \['a', 'b'\] .*, got 'c'$"):
        choose("letter", "c", choices)
    with pytest.raises(ValueError, match=r"letter must be one of .* of that kind, got 3, without __call__"):
        choose("letter", 3, choices)
    with pytest.raises(ValueError, match=r"of that kind, got .*choose.*, without moments"):
        choose("letter", choose, choices, "__call__", "moments")
    for value in (abs, np.sin, int, pt.sin):
        with pytest.raises(ValueError, match="letter must be one of .* of that kind, got "):
            choose("letter", value, choices)


def test_check_positive_integers():
    check_positive_integers(n=1, m=np.int64(2))
    for value in (0, -1, 1.5, "3", (2,), None, True):
        with pytest.raises(ValueError, match="n must be a positive integer, got "):
            check_positive_integers(n=value)


def test_check_sizes():
    check_sizes(n=(1, np.int64(2)), m=[3])
    for value in (1, "3", (), (2, 0), (1.5,), None):
        with pytest.raises(ValueError, match=r"n must be positive integers, .*, got "):
            check_sizes(n=value)


@pytest.mark.parametrize("rng", [0, None, np.random.RandomState(0)])  # noqa: NPY002
def test_check_rng(rng):
    with pytest.raises(ValueError, match=r"rng must be a generator, such as .*, got "):
        check_rng(rng)
