"""Notes below a table of rows: what its signs mean, what made it, and who published other numbers."""

from experiments.command_line.tables import inline
from experiments.paper.published import of_others

# With fewer effective draws, in the median, a score is said to depend on a few draws.
FEW_DRAWS = 10


def notes(rows):
    """A sentence on data and time, some on scores, and one for each way in which systems were made."""
    runs = {row.system: row for row in rows if row.command}.values()
    said = [data_and_time(rows, runs), *about_scores(rows)]

    def made(run):
        versions = ", ".join(f"{name} {version}" for name, version in run.versions.items() if version)
        return f"`{run.command}`; {seeds(run)}; {versions}."

    ways = {}
    for run in runs:
        ways.setdefault(made(run), []).append(run.system)
    said += [way if len(ways) == 1 else f"{', '.join(names)}: {way}" for way, names in ways.items()]
    return "\n\n".join(said)


def data_and_time(rows, runs):
    verified = {True: "verified by digest", False: "not the published version", None: "not verified"}
    said = f"Data: {inline(rows[0].dataset)}, {verified[rows[0].verified]}."
    if runs:
        minutes = sum((run.seconds or 0) + (run.scoring_seconds or 0) for run in runs) / 60
        said += f" Training and scoring took {minutes:.1f} minutes in all."
    return said


def seeds(run):
    """``"seed 1"``, or ``"seeds 1, 2, 3"``, and how many trainings diverged, as far as some did."""
    numbers = run.seeds or [run.seed]
    said = f"seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    return said + (f", {run.n_diverged} more diverged" if run.n_diverged and run.per_step else "")


def about_scores(rows):
    """A list of sentences: on errors, on ranges, on few draws, on others' scores; as far as there are any."""
    said = []
    if any(row.per_step_standard_error is not None for row in rows):
        said.append('"±" precedes the standard error due to the draws of the latents.')
    if any(row.per_step_range for row in rows):
        said.append("Scores from several seeds are means over the seeds, with their range in brackets.")
    return said + few_draws(rows) + sources(rows)


def few_draws(rows):
    """A list with a sentence about scores that depend on few draws; empty if there are none."""
    sizes = {row.title: row.effective_draws["median"] for row in rows if row.effective_draws}
    few = ", ".join(f"{title} ({size:.1f})" for title, size in sizes.items() if size < FEW_DRAWS)
    if not few:
        return []
    return [
        "In these importance sampled scores, a few draws carry nearly all of the weight, so the scores "
        "are too high by more than their standard errors suggest (in brackets, the median number of "
        f"effective draws per sequence): {few}."
    ]


def sources(rows):
    """A list with a sentence about who published the scores of others; empty if there are none."""
    shown = [p for row in rows if row.others for p in of_others(row.system, row.dataset)]
    if not shown:
        return []
    parts = (
        f"{p.method} by {p.source}, {p.estimator}{', as quoted elsewhere' if p.quoted else ''}" for p in shown
    )
    return [f"Others: {'; '.join(parts)}."]
