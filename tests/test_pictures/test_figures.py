"""Pictures of runs: what is in sight, and what colours mean."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from breze_like.pictures import figures


@pytest.fixture
def axes():
    return Figure().add_subplot()


@pytest.mark.parametrize("best", [8.0, 0.0, -3.0, -4000.0])
def test_the_best_scores_are_apart_and_the_first_ones_in_sight(axes, best):
    scores = [best + 100, best + 0.5, None, best]
    log = [{"update": i, "valid_score": score} for i, score in enumerate(scores)]
    figures.learning_curves(axes, {"run": log}, floor=best + 3)
    lowest, highest = axes.get_ylim()
    assert lowest < best and best + 100 < highest < best + 200
    first, half, floor, last = axes.transAxes.inverted().transform(
        axes.transData.transform([(0, best + d) for d in (100, 0.5, 3, 0)])
    )[:, 1]
    assert half - last > 0.06 and 0 < last < half < floor < first < 1
    ticks = axes.get_yticks()
    assert len(set(ticks)) >= 5 and np.diff(ticks).min() > 0
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{tick:g}" for tick in ticks]
    assert [line.get_ydata()[0] for line in axes.lines] == [best + 100, best + 3]


def test_other_objectives_have_a_panel_of_their_own():
    log = [{"update": 1, "valid_score": 2.0}]
    bounds, other = figures.curves_and_roll({"bound": log, "other": log}, {"other"}, floor=3.0).axes
    assert [line.get_label() for line in bounds.lines] == ["bound", "floor: independent notes"]
    assert [line.get_label() for line in other.lines] == ["other"]
    assert other.get_title() == "published objective, not a bound"
    (alone,) = figures.curves_and_roll({"other": log}, {"other"}).axes
    assert alone.get_title() == "published objective, not a bound"


def test_no_note_of_a_long_roll_is_lost():
    """There are more steps than pixels, and one note in each of a few of them."""
    roll = np.zeros((5000, 88), np.uint8)
    roll[::500, 40] = 1
    figure = Figure(figsize=(4, 2), dpi=100)
    figures.piano_roll(figure.add_axes((0, 0, 1, 1)), roll, (21, 109), None)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shades = np.asarray(canvas.buffer_rgba())[..., 0]
    assert (shades.min(axis=0) < 250).sum() >= 10


def test_what_is_published_is_dashed(axes):
    log = [{"update": 1, "valid_score": 2.0}]
    figures.learning_curves(axes, {"bound": log, "published": log}, {"published"})
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]


def test_range_of_notes(rng):
    low, high = np.zeros((4, 88), np.uint8), np.zeros((4, 88), np.uint8)
    low[2, 39], high[1, 51] = 1, 1
    assert figures.note_range(low, high) == (55, 77)  # five below 60, five above 72
    assert figures.note_range(np.zeros((4, 88))) == (None, None)


def test_colours_of_differences(axes):
    roll, truth = np.array([[0, 1, 1, 0]]), np.array([[0, 1, 0, 1]])
    figures.compared_roll(axes, roll, truth, (None, None), "any")
    (image,) = axes.images
    colours = image.cmap(image.norm(image.get_array()))[:, 0, :3]
    expected = [(1, 1, 1), (0, 0, 0), (0.84, 0.15, 0.16), (0.12, 0.47, 0.71)]
    np.testing.assert_allclose(colours, expected, atol=0.01)


def test_values_are_in_the_middle_of_their_steps(axes, rng):
    values = rng.normal(size=(4, 12))
    figures.lines(axes, values)
    figures.shade(axes, 1, 3)
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.5, 1.5, 2.5, 3.5]] * 12
    np.testing.assert_array_equal([line.get_ydata() for line in axes.lines], values.T)
    assert axes.get_xlim() == (0, 4)


@pytest.mark.parametrize("name", ["$x_$", "$\\frac$", "a$b", "_hidden", "two\nlines", "\x00"])
def test_any_name_can_be_drawn_as_it_is(name):
    figure = Figure()
    axes = figure.subplots()
    entries = [{"update": 1, "valid_score": 2.0}]
    figures.learning_curves(axes, {name: entries})
    figure.draw_without_rendering()  # dollars would be mathematics, which may be none
    (label,) = axes.get_legend().get_texts()
    drawn = label.get_text().replace(r"\$", "$")
    assert drawn.strip() == "".join(c if c.isprintable() else " " for c in name).strip()
