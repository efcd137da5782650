"""Pictures of sequences."""

import numpy as np
import pytest

from breze_like.pictures.sequence_figures import Spread, draw


def drawn(*arguments, **others):
    """The figure, after it has been rendered once."""
    figure = draw(*arguments, **others)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize(("n_features", "label"), [(88, "MIDI note"), (5, "feature")])
def test_binary_sequences(n_features, label, rng):
    x = rng.integers(0, 2, (7, n_features))
    known = np.where(rng.random(x.shape) < 0.5, x, np.nan)
    figure = drawn("song", {"x": x, "known": known, "x against y": (x, 1 - x)}, True, boundary=3)
    assert [axes.get_title() for axes in figure.axes] == [
        "x",
        "known",
        "x against y: red is too much, blue too little",
    ]
    for axes in figure.axes:
        assert axes.get_ylabel() == label and axes.get_xlim() == (0, 7)
        number = int(axes.yaxis.get_major_formatter().format_ticks([40])[0])
        assert number == (40 if n_features == 88 else 40 - 21)
        assert list(axes.lines[-1].get_xdata()) == [3, 3]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), x.T)


def test_variances_have_a_scale_of_their_own(rng):
    x = rng.integers(0, 2, (7, 5))
    figure = drawn("song", {"x": x, "variance": Spread(0.1 * x)}, True)
    x_axes, variance, bar = figure.axes
    (image,) = variance.images
    assert image.get_clim() == (0, pytest.approx(0.1)) and variance.get_ylabel() == "feature"
    assert bar.get_ylim() == (0, pytest.approx(0.1))


def test_silence():
    drawn("silence", {"x": np.zeros((3, 88), int)}, True)


@pytest.mark.parametrize(("n_features", "has_legend"), [(2, True), (30, False)])
def test_real_values(n_features, has_legend, rng):
    x, y = rng.normal(size=(2, 7, n_features))
    figure = drawn("a", {"x": x, "x against y": (x, y)}, False)
    assert [axes.get_title() for axes in figure.axes] == ["x", "x against y: difference"]
    np.testing.assert_array_equal([line.get_ydata() for line in figure.axes[0].lines], x.T)
    np.testing.assert_array_equal([line.get_ydata() for line in figure.axes[1].lines], (x - y).T)
    assert (figure.axes[0].get_legend() is not None) == has_legend
