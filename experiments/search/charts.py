"""Plots of a search, mostly Optuna's, of outcomes: one for each configuration, however often it was begun."""

import numpy as np
import optuna
import plotly.graph_objects as go
from optuna.trial import TrialState, create_trial
from optuna.visualization import plot_optimization_history, plot_slice
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

SCORE = "validation score"
COMPLETE = TrialState.COMPLETE

# Scores are drawn no further from the best one than so many times the distance of the median.
FURTHEST = 4.0

N_COLUMNS = 3

BLUE = "#1d4ed8"

# From the best trial to the worst one.
SHADES = ["#0b2e83", "#3b6fe6", "#a9c4f5", "#d3e0f8", "#e4e4e7"]

AXIS = {"type": "line", "y0": 0, "y1": 1, "line": {"color": "#a1a1aa", "width": 1}, "layer": "below"}

# Of a choice, left of its axis.
LABEL = {"showarrow": False, "xanchor": "right", "xshift": -4, "bgcolor": "rgba(255, 255, 255, 0.8)"}
LABEL |= {"borderpad": 1, "font": {"size": 11}}

LAYOUT = {
    "template": "plotly_white",
    "title": None,
    "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", "size": 13},
    "margin": {"l": 70, "r": 20, "t": 40, "b": 50},
    "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
}


def as_study(outcomes, distributions, scores):
    """A study in memory with the outcomes' hyper-parameters, whose trials have their numbers.

    Parameters
    ----------
    outcomes : list of Outcome
    distributions : dict of str to BaseDistribution
        Of the hyper-parameters.
    scores : dict of int to float
        By number; the trials of all other outcomes wait.

    Returns
    -------
    optuna.Study
    """
    study, by_number = optuna.create_study(), {outcome.number: outcome for outcome in outcomes}
    for number in range(max(scores, default=-1) + 1):
        if number in scores:
            params = by_number[number].params
            own = {name: distributions[name] for name in params}
            trial = create_trial(params=params, distributions=own, value=scores[number])
        else:
            trial = create_trial(state=TrialState.WAITING)
        study.add_trial(trial)
    return study


def complete_scores(outcomes):
    """The scores of complete trials, by number."""
    return {outcome.number: outcome.value for outcome in outcomes if outcome.state == COMPLETE}


def scores_at(outcomes, rung):
    """The scores of all trials that came to a rung before the last, by number."""
    return {outcome.number: outcome.scores[rung] for outcome in outcomes if len(outcome.scores) > rung}


def ranked_scores(outcomes):
    """Scores by number, of which only the order counts: complete trials are better than all others.

    Of those that stayed at rungs, the further ones are better, and at the same rung, those that were better
    there; all that were pruned otherwise, or failed, are the worst.
    """
    scores = complete_scores(outcomes)
    worst = max(scores.values(), default=0.0) + 1.0
    ended = [outcome for outcome in outcomes if outcome.state.is_finished()]
    stayed = sorted((o for o in ended if o.is_at_rung), key=lambda o: (-o.rung, o.value, o.number))
    ranks = {outcome.number: worst + place for place, outcome in enumerate(stayed)}
    return dict.fromkeys([o.number for o in ended], worst + len(stayed)) | ranks | scores


def highest_drawn(scores):
    """The score at which all higher ones are drawn."""
    best, middle = min(scores.values()), np.median(list(scores.values()))
    return best + FURTHEST * (middle - best)


def history(study):
    """Scores in the order of the trials, and the best so far."""
    figure = plot_optimization_history(study, target_name=SCORE)
    figure.update_traces(name="best so far", line_shape="hv", selector={"mode": "lines"})
    figure.update_layout(LAYOUT)
    figure.update_xaxes(title="trial", range=[-1, len(study.get_trials(deepcopy=False))])
    figure.update_yaxes(title=f"{SCORE}, nats per time step")
    return figure


def slices(study, space):
    """Scores against each hyper-parameter."""
    n_rows = -(-len(space) // N_COLUMNS)
    figure = make_subplots(n_rows, N_COLUMNS, shared_yaxes=True, horizontal_spacing=0.02)
    for i, (name, choices) in enumerate(space.items()):
        part = plot_slice(study, [name], target_name=SCORE)
        part.update_traces(marker={"showscale": False, "color": BLUE, "opacity": 0.6})
        place = {"row": i // N_COLUMNS + 1, "col": i % N_COLUMNS + 1}
        figure.add_traces(part.data, rows=place["row"], cols=place["col"])
        ticks = {"tickvals": part.layout.xaxis.categoryarray, "ticktext": list(map(str, choices))}
        room = [-0.5, len(choices) - 0.5]  # also beside the first and the last one
        figure.update_xaxes(part.layout.xaxis, range=room, **ticks, tickangle=0, title_standoff=4, **place)
    figure.update_xaxes(tickfont_size=11)
    figure.update_yaxes(title="nats per time step", col=1)
    figure.update_layout(LAYOUT, showlegend=False, height=60 + 230 * n_rows)
    return figure


def parallel(study, space):
    """A line for each trial through its score and its hyper-parameters.

    Beside each choice there is a place for each trial, the better, the lower, so that no line covers another.
    Optuna's plot has one point for all of them, and choices in the order in which they were first drawn.
    """
    trials = study.get_trials(deepcopy=False, states=(COMPLETE,))
    trials = sorted(trials, key=lambda trial: -trial.value)  # the best ones on top
    lowest, highest = trials[-1].value, trials[0].value
    heights = [(trial.value - lowest) / (highest - lowest or 1.0) for trial in trials]
    ranks = np.linspace(1, 0, len(trials))
    figure = go.Figure([_line(*line, space) for line in zip(trials, heights, ranks, strict=True)])

    ends = [(0.0, f"{lowest:.2f}"), (1.0, f"{highest:.2f}")]
    labels = [ends, *([((i + 0.5) / len(c), str(v)) for i, v in enumerate(c)] for c in space.values())]
    names = [SCORE.replace(" ", "<br>"), *("_<br>".join(name.rsplit("_", 1)) for name in space)]
    figure.update_layout(
        LAYOUT,
        annotations=[LABEL | {"x": i, "y": y, "text": s} for i, axis in enumerate(labels) for y, s in axis],
        shapes=[AXIS | {"x0": i, "x1": i} for i in range(len(names))],
        height=520,
        hovermode="closest",
        showlegend=False,
    )
    axis = {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.6, len(names) - 0.5]}
    figure.update_xaxes(axis, tickangle=0, showgrid=False, zeroline=False)
    figure.update_yaxes(visible=False, range=[-0.03, 1.03])
    return figure


def _line(trial, height, rank, space):
    """The line of a trial; `height` is its score's, and `rank` is 0 of the best and 1 of the worst one."""
    places = [
        (choices.index(trial.params[name]) + 0.2 + 0.6 * rank) / len(choices)
        for name, choices in space.items()
    ]
    about = [f"trial {trial.number}, {trial.value:.3f}", *(f"{n} {v}" for n, v in trial.params.items())]
    return go.Scatter(
        x=list(range(1 + len(space))),
        y=[height, *places],
        hovertext="<br>".join(about),
        hoverinfo="text",
        mode="lines",
        line={"color": sample_colorscale(SHADES, rank)[0], "width": 1.5},
    )


def bars(found):
    """`Importance` of each hyper-parameter, the most important on top."""
    names = list(found)[::-1]
    shares, chances = zip(*(found[name] for name in names), strict=True)
    figure = go.Figure(
        [
            go.Bar(x=shares, y=names, orientation="h", name="importance", marker_color=BLUE),
            go.Scatter(
                x=chances,
                y=names,
                mode="markers",
                name="95 % of chance values are below",
                marker={"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": "#18181b"}},
            ),
        ]
    )
    figure.update_layout(LAYOUT)
    figure.update_layout(height=120 + 32 * len(names))
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(ticksuffix=" ")
    return figure
