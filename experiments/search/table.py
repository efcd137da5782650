"""What a search shows while it is running: a live table in a terminal, or lines elsewhere."""

import time
from contextlib import contextmanager

from optuna.trial import TrialState
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from experiments.search import studies
from experiments.search.rungs import WHOLE, cost, named, stages

# Rows of the table, of trials that are done, and of those that failed.
N_DONE, N_FAILED = 8, 5


def best_of(outcomes):
    """The outcome with the lowest score, among equals the first; None if nothing is complete."""
    complete = [outcome for outcome in outcomes if outcome.state == TrialState.COMPLETE]
    return min(complete, key=lambda outcome: (outcome.value, outcome.number), default=None)


def seconds_left(outcomes, n_trials, shares=WHOLE):
    """Time until all trials have ended, if updates take as long as before; None if there is no progress yet.

    Trials that are running are taken to be half-way to their rung. Those that ended on the way to one count
    as if they had come there, since those that follow may do the same.
    """
    ways, come = stages(shares), (0.0, *shares)
    begun = [outcome for outcome in outcomes if outcome.n_ended and outcome.seconds is not None]
    running = [outcome for outcome in outcomes if outcome.state == TrialState.RUNNING]
    if not begun:
        return None
    pace = sum(outcome.seconds for outcome in begun) / sum(come[outcome.n_ended] for outcome in begun)
    done = sum(come[outcome.n_ended] for outcome in outcomes) + sum(ways[o.rung] for o in running) / 2
    return pace * max(0.0, cost(n_trials, shares) - done) / max(1, len(running))


def duration(seconds):
    """A time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def summary(outcomes, n_trials, shares=WHOLE):
    """The state of the search, in one line."""
    counts = {
        "running": sum(outcome.state == TrialState.RUNNING for outcome in outcomes),
        "failed": sum(outcome.state == TrialState.FAIL for outcome in outcomes),
        "pruned": sum(outcome.state == TrialState.PRUNED for outcome in outcomes),
    }
    parts = [_how_many(outcomes, n_trials, shares)]
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    best, left = best_of(outcomes), seconds_left(outcomes, n_trials, shares)
    parts += [f"best {best.value:.3f} (trial {best.number})"] if best else []
    parts += [f"about {duration(left)} left"] if left else []
    return ", ".join(parts)


def _how_many(outcomes, n_trials, shares):
    """How many have ended; while there are rungs ahead, how many have reached the next one."""
    n_done = sum(outcome.state.is_finished() for outcome in outcomes)
    if n_done == n_trials or shares == WHOLE:
        return f"{n_done} of {n_trials} done"
    ahead = [outcome.n_ended for outcome in outcomes if not outcome.state.is_finished()]
    rung = min(ahead, default=0)
    n_come = sum(outcome.n_ended > rung for outcome in outcomes)
    return f"{n_come} of {n_come + ahead.count(rung)} trained to {named(shares[rung])}"


def news_of(outcome, shares=WHOLE):
    """A line about a configuration that has ended, or reached a rung."""
    if outcome.state == TrialState.FAIL:
        return f"trial {outcome.number} failed: {outcome.reason}"
    how = "pruned at " if outcome.state == TrialState.PRUNED and not outcome.is_at_rung else ""
    where = f" after {named(shares[outcome.rung])} of the updates" if outcome.is_at_rung else ""
    value = outcome.value
    score = "no score" if value is None else f"{value:.3f} nats per time step{where}"
    return f"trial {outcome.number}: {how}{score}, in {duration(outcome.seconds or 0)}"


def choices(params):
    """Hyper-parameters in one line."""
    return " ".join(f"{name}={value}" for name, value in params.items())


def trials_table(title, outcomes, progress, n_trials, shares=WHOLE):
    """The table of what runs and what has ended.

    Parameters
    ----------
    title : str
    outcomes : list of Outcome
    progress : dict of int to dict
        Of each configuration that is running, its scores so far, by the number of the validation.
    n_trials : int
    shares : tuple of float
        At which there are rungs.
    """
    # How far it is stands on top: a terminal that is not high enough leaves out the last rows.
    made = Table(title=f"{title}: {summary(outcomes, n_trials, shares)}", box=box.SIMPLE, expand=True)
    for name, justify in (("trial", "right"), ("state", "left"), ("score", "right"), ("time", "right")):
        made.add_column(name, justify=justify, no_wrap=True)
    made.add_column("hyper-parameters, or reason of the failure", overflow="fold")
    for outcome in (o for o in outcomes if o.state == TrialState.RUNNING):
        scores = progress.get(outcome.number, {})
        latest = f"{scores[max(scores)]:.3f}" if scores else ""
        target = f" to {named(shares[outcome.rung])}" if shares != WHOLE else ""
        state = f"running{target}, {len(scores)} validations"
        made.add_row(str(outcome.number), state, latest, "", escape(choices(outcome.params)))
    made.add_section()
    done = [o for o in outcomes if o.state in (TrialState.COMPLETE, TrialState.PRUNED) or o.is_at_rung]
    done.sort(key=lambda o: (-o.rung, o.state != TrialState.COMPLETE, o.value is None, o.value, o.number))
    for outcome in done[:N_DONE]:
        value = "" if outcome.value is None else f"{outcome.value:.3f}"
        where = f" at {named(shares[outcome.rung])}" if outcome.is_at_rung else ""
        row = str(outcome.number), outcome.state.name.lower() + where, value, duration(outcome.seconds or 0)
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
    """A context with a function that shows the state of a study, and takes a line of news or None.

    In a terminal, it keeps a table up to date; elsewhere it prints a line for each trial that ends, or comes
    to a rung.
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
        shares = studies.shares_of(study)
        told = {(o.number, o.n_ended) for o in studies.outcomes(study, n_trials)}

        def look(news=None):
            outcomes = studies.outcomes(study, n_trials)
            lines = [news] if news else []
            for outcome in outcomes:
                place = outcome.number, outcome.n_ended
                if outcome.n_ended and place not in told:
                    told.add(place)
                    # Going on already, it has no news.
                    if outcome.state.is_finished() or outcome.is_at_rung:
                        lines.append(f"{news_of(outcome, shares)}; {summary(outcomes, n_trials, shares)}")
            for line in lines:
                print(line, flush=True)

        yield look
        look()


def _current_table(study, n_trials):
    tries = studies.attempts(study)
    counting = {number: studies.that_counts(each) for number, each in tries.items()}
    progress = {number: attempt.intermediate_values for number, attempt in counting.items()}
    title = f"{study.study_name}, {time.strftime('%H:%M:%S')}"
    outcomes, shares = studies.outcomes(study, n_trials), studies.shares_of(study)
    return trials_table(title, outcomes, progress, n_trials, shares)
