"""Results of the benchmark as tables, in Markdown that is readable as plain text, and as a chart."""

from functools import partial

from matplotlib.figure import Figure

from experiments.benchmarks.parts import LIBRARY, LIMIT
from experiments.command_line import tables

PEER_TITLES = {
    LIBRARY: "breze_like",
    "direct_jax": "direct JAX",
    "pytorch": "PyTorch",
    LIMIT: "limit",
    "together": "together",
    "one_after_another": "one after another",
}
MARKERS = {LIBRARY: "o", "direct_jax": "s", "pytorch": "^"}
COLORS = {LIBRARY: "C0", "direct_jax": "C1", "pytorch": "C2", LIMIT: "black"}
SIZES = {
    "model": "model",
    "n_members": "members",
    "n_hidden": "hidden",
    "batch_size": "batch",
    "n_steps": "steps",
}


def as_markdown(results):
    """What was measured with, and a table of each part."""
    lines = ["# Benchmark", "", f"`{results['command']}`", ""]
    lines += [f"{results['machine']}; medians of alternating rounds.", ""]
    for system, about in results["about"].items():
        facts = [f"{name} {value}" for name, value in about.items()]
        said = f"not measured: {about['failed']}" if "failed" in about else ", ".join(facts)
        lines.append(f"- {PEER_TITLES[system]}: {said}")
    for part, rows in results["parts"].items():
        heading, columns = TABLES[part]
        lines += ["", f"## {heading}", "", *aligned_lines(rows, columns(rows))]
        lines += [text for failure in failures(rows) for text in ("", failure)]
    return "\n".join(lines) + "\n"


def as_line(part, row):
    """A row of a part's table on one line, to show progress."""
    _, columns = TABLES[part]
    said = [f"{title} {cell(row)}" for title, cell in columns([row])]
    return f"{part}: {', '.join([*said, *failures([row])])}"


def aligned_lines(rows, columns):
    """Lines of an aligned table; columns are pairs of a title and a function from a row to a text."""
    aligned = [tables.right([title, *map(cell, rows)], width=3) for title, cell in columns]
    head, *lines = zip(*aligned, strict=True)
    rule = tables.rule_of([True] * len(head), [len(title) for title in head])
    return tables.markdown(head, lines, rule).splitlines()


def failures(rows):
    """A line for each system that could not do something."""
    for row in rows:
        sizes = ", ".join(f"{title} {row[name]}" for name, title in SIZES.items() if name in row)
        for name, result in {**row.get("systems", {}), **row}.items():
            if isinstance(result, dict) and "failed" in result:
                yield f"{sizes}: {PEER_TITLES.get(name, name)} failed: {result['failed']}"


def sizes(*names):
    """Columns of the sizes."""
    return [(SIZES[name], partial(_cell, path=[name])) for name in names]


def of_systems(rows, name, factor=1.0, digits=2, text="{}"):
    """A column for each system that has a number of this name in any row."""
    measured = {
        s: None for row in rows for s, result in row["systems"].items() if result.get(name) is not None
    }
    return [
        (text.format(PEER_TITLES[s]), partial(_cell, path=["systems", s, name], factor=factor, digits=digits))
        for s in measured
    ]


def ratios(rows):
    """How many times the throughput of each other system the first one has."""
    first = PEER_TITLES[next(iter(rows[0]["systems"]))]
    columns = of_systems(rows, "ratio", text=f"{first} / {{}}")
    return [column for column in columns if column[0] != f"{first} / {first}"]


def _cell(row, path, factor=1.0, digits=1):
    """The entry at a path into a row, numbers times a factor; a dash where there is none."""
    for name in path:
        row = row.get(name)
        if row is None:
            return "-"
    return f"{row * factor:.{digits}f}" if isinstance(row, float) or factor != 1 else str(row)


def _rate(row):
    """What the limit is: how much arithmetic a second, and in which way."""
    limit = row["systems"][LIMIT]
    if "seconds" not in limit:
        return "-"
    return f"{row['n_operations'] / limit['seconds'] * 1e-9:.0f} ({limit['way']})"


def _throughputs(names, rows):
    limit = [("limit, GFLOP/s", _rate)] if any(LIMIT in row["systems"] for row in rows) else []
    return [*sizes(*names), *of_systems(rows, "throughput", 1e-3), *ratios(rows), *limit]


def _updates(rows):
    names = ("model", "n_members", "n_hidden", "batch_size")
    return [*sizes(*names), *of_systems(rows, "throughput"), *ratios(rows)]


def _compilations(rows):
    paths = {"cold": ["cold", "seconds"], "warm": ["warm", "seconds"]}
    paths["starting the process, in addition"] = ["warm", "start_seconds"]
    return sizes("model", "n_hidden") + [(title, partial(_cell, path=path)) for title, path in paths.items()]


def _lengths(rows):
    columns = sizes("model", "n_steps") + of_systems(rows, "seconds", 1e3, 1, "{}, ms")
    return columns + of_systems(rows, "memory", 1e-6, 0, "{}, MB")


def _memories(rows):
    columns = sizes("model", "n_hidden", "batch_size") + of_systems(rows, "memory", 1e-6, 0)
    return columns + of_systems(rows, "device_memory", 1e-6, 0, "{}, on the device")


TABLES = {
    "step": (
        "Training step, loss and gradient: thousand time steps x sequences per second",
        partial(_throughputs, ["model", "n_hidden", "batch_size"]),
    ),
    "nade": (
        "The same for an RNN-NADE: keys that are not played need no arithmetic, though the limit counts it",
        partial(_throughputs, ["model", "n_hidden", "batch_size"]),
    ),
    "evaluation": (
        "Evaluation of whole sequences, the bound with one draw: thousand time steps per second",
        partial(_throughputs, ["model", "n_hidden"]),
    ),
    "compile": (
        "Compilation of training and evaluation, including their first calls, from a fresh cache and in a "
        "new process: seconds",
        _compilations,
    ),
    "length": ("Training step against the number of steps: time, and memory added by the step", _lengths),
    "population": ("Many models at once: updates of one model per second", _updates),
    "memory": ("Memory added by a training step to that of the process: MB", _memories),
}


def chart(results):
    """Throughput of training steps against the limit, and their time against the number of steps.

    Returns
    -------
    Figure, or None if neither was measured
    """
    steps, by_length = (results["parts"].get(name, []) for name in ("step", "length"))
    models = list(dict.fromkeys(row["model"] for row in steps))
    if not (models or by_length):
        return None
    figure = Figure(figsize=(5 * (len(models) + bool(by_length)), 4), layout="constrained")
    panels = figure.subplots(1, len(models) + bool(by_length), squeeze=False)[0]
    for axes, model in zip(panels, models, strict=False):
        _throughput_panel(axes, [row for row in steps if row["model"] == model], model)
    if by_length:
        _length_panel(panels[-1], by_length)
    return figure


def _throughput_panel(axes, rows, model):
    """A marker for each system, and a line for the limit, above each of the sizes."""
    for system in COLORS:
        points = [
            (i, row["systems"][system]["throughput"])
            for i, row in enumerate(rows)
            if "throughput" in row["systems"].get(system, {})
        ]
        if points:
            style = {"marker": "_", "markersize": 24} if system == LIMIT else {"marker": MARKERS[system]}
            label = {"label": PEER_TITLES[system]}
            axes.plot(*zip(*points, strict=True), linestyle="", color=COLORS[system], **label, **style)
    axes.set_xticks(range(len(rows)), [f"{row['n_hidden']}\n{row['batch_size']}" for row in rows])
    axes.set(title=f"{model.upper()}, training step", xlabel="hidden units, batch size", yscale="log")
    axes.set_ylabel("time steps x sequences a second")
    axes.legend(frameon=False, fontsize="small")


def _length_panel(axes, rows):
    for model, style in zip(dict.fromkeys(row["model"] for row in rows), ("o-", "s--"), strict=False):
        for system in COLORS:
            points = [
                (row["n_steps"], row["systems"][system]["seconds"])
                for row in rows
                if row["model"] == model and "seconds" in row["systems"].get(system, {})
            ]
            if points:
                label = f"{model.upper()}, {PEER_TITLES[system]}"
                axes.plot(*zip(*points, strict=True), style, color=COLORS[system], label=label)
    axes.set(xscale="log", yscale="log", xlabel="time steps", ylabel="seconds", title="Training step, time")
    axes.legend(frameon=False, fontsize="x-small")
