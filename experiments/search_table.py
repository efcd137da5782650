"""What a search says while it goes on: a live table in a terminal, or lines elsewhere."""

import time
from contextlib import contextmanager

from optuna.trial import TrialState
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from experiments import search

# Rows of the table, of trials that are done, and of those that failed.
N_DONE, N_FAILED = 8, 5


def best_of(outcomes):
    """The outcome with the lowest score, among equals the first; None if nothing is complete."""
    complete = [outcome for outcome in outcomes if outcome.state == TrialState.COMPLETE]
    return min(complete, key=lambda outcome: (outcome.value, outcome.number), default=None)


def seconds_left(outcomes, n_trials):
    """Time until all trials have ended, if they take as long as those that have; None if none has.

    Trials that are running are taken to be half-way.
    """
    times = [o.seconds for o in outcomes if o.state.is_finished() and o.seconds is not None]
    n_running = sum(outcome.state == TrialState.RUNNING for outcome in outcomes)
    n_ended = sum(outcome.state.is_finished() for outcome in outcomes)
    if not times:
        return None
    n_left = n_trials - n_ended - n_running / 2
    return sum(times) / len(times) * n_left / max(1, n_running)


def duration(seconds):
    """A time as one says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def summary(outcomes, n_trials):
    """How far it is, in one line."""
    counts = {
        "done": sum(outcome.state.is_finished() for outcome in outcomes),
        "running": sum(outcome.state == TrialState.RUNNING for outcome in outcomes),
        "failed": sum(outcome.state == TrialState.FAIL for outcome in outcomes),
        "pruned": sum(outcome.state == TrialState.PRUNED for outcome in outcomes),
    }
    parts = [f"{counts.pop('done')} of {n_trials} done"]
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    best, left = best_of(outcomes), seconds_left(outcomes, n_trials)
    parts += [f"best {best.value:.3f} (trial {best.number})"] if best else []
    parts += [f"about {duration(left)} left"] if left else []
    return ", ".join(parts)


def news_of(outcome):
    """What is said of a configuration that has ended."""
    if outcome.state == TrialState.FAIL:
        return f"trial {outcome.number} failed: {outcome.reason}"
    how = "pruned at " if outcome.state == TrialState.PRUNED else ""
    value = "no score" if outcome.value is None else f"{outcome.value:.3f} nats per time step"
    return f"trial {outcome.number}: {how}{value}, in {duration(outcome.seconds or 0)}"


def choices(params):
    """Hyper-parameters in one line."""
    return " ".join(f"{name}={value}" for name, value in params.items())


def table(title, outcomes, progress, n_trials):
    """The table.

    Parameters
    ----------
    title : str
    outcomes : list of Outcome
    progress : dict of int to dict
        Of each configuration that is running, its scores so far, by the number of the validation.
    n_trials : int
    """
    # How far it is stands on top: a terminal that is not high enough leaves out the last rows.
    made = Table(title=f"{title}: {summary(outcomes, n_trials)}", box=box.SIMPLE, expand=True)
    for name, justify in (("trial", "right"), ("state", "left"), ("score", "right"), ("time", "right")):
        made.add_column(name, justify=justify, no_wrap=True)
    made.add_column("hyper-parameters, or reason", overflow="fold")
    for outcome in (o for o in outcomes if o.state == TrialState.RUNNING):
        scores = progress.get(outcome.number, {})
        latest = f"{scores[max(scores)]:.3f}" if scores else ""
        state = f"running, {len(scores)} validations"
        made.add_row(str(outcome.number), state, latest, "", escape(choices(outcome.params)))
    made.add_section()
    done = [o for o in outcomes if o.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    done.sort(key=lambda o: (o.state != TrialState.COMPLETE, o.value is None, o.value, o.number))
    for outcome in done[:N_DONE]:
        value = "" if outcome.value is None else f"{outcome.value:.3f}"
        row = str(outcome.number), outcome.state.name.lower(), value, duration(outcome.seconds or 0)
        made.add_row(
            *row, escape(choices(outcome.params)), style="bold" if outcome is best_of(outcomes) else ""
        )
    made.add_section()
    failed = [o for o in outcomes if o.state == TrialState.FAIL]
    for outcome in failed[-N_FAILED:]:
        row = str(outcome.number), "failed", "", duration(outcome.seconds or 0)
        made.add_row(*row, escape(outcome.reason or ""), style="red")
    return made


@contextmanager
def showing(study, n_trials, console=None):
    """A function that shows how far a study is, and takes a line of news or None, while the context lasts.

    In a terminal, it keeps a table up to date; elsewhere it prints a line for each trial that ends.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=False) as live:

            def look(news=None):
                if news:
                    live.console.print(escape(news))
                live.update(Group(_current_table(study, n_trials)), refresh=True)

            yield look
            look()
    else:
        told = {outcome.number for outcome in search.outcomes(study) if outcome.state.is_finished()}

        def look(news=None):
            outcomes = search.outcomes(study)
            lines = [news] if news else []
            for outcome in outcomes:
                if outcome.state.is_finished() and outcome.number not in told:
                    told.add(outcome.number)
                    lines.append(f"{news_of(outcome)}; {summary(outcomes, n_trials)}")
            for line in lines:
                print(line, flush=True)

        yield look
        look()


def _current_table(study, n_trials):
    tries = search.attempts(study)
    counting = {number: search.that_counts(each) for number, each in tries.items()}
    progress = {number: attempt.intermediate_values for number, attempt in counting.items()}
    title = f"{study.study_name}, {time.strftime('%H:%M:%S')}"
    return table(title, search.outcomes(study), progress, n_trials)
