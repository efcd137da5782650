"""Imports point one way: every module may import the rows before its own, and no others.

In experiments/, a module is a script, which nobody imports, and a folder is a room for what scripts share.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module or a subpackage of breze_like is one unit. Units of the same row don't know each other.
ROWS = (
    ("checks", "child_process", "quoting"),
    ("files", "interrupts", "parameters", "sequences"),
    ("music",),
    ("pictures",),
    ("backends", "data", "initialize", "log_space", "moments"),
    ("runs",),
    ("native",),
    ("recurrence",),
    ("distributions",),
    ("layers",),
    ("models",),
    ("estimators", "gradients"),
    ("training", "tasks"),
    ("trained",),
    ("__init__",),  # what `import breze_like` offers
    ("__main__",),  # runs what is in experiments/, by name
    ("experiments",),
)
ROW_OF = {unit: row for row, units in enumerate(ROWS) for unit in units}
# Rooms of experiments/, likewise; scripts are above all of them, and on the same row.
ROOMS = (
    ("command_line", "pictures"),
    ("paper", "music", "benchmarks"),
    ("pages",),
    ("search",),
)
ROW_OF_ROOM = {room: row for row, rooms in enumerate(ROOMS) for room in rooms}
# So many floors one stands on top of the other there, with so many pairs of which one imports the other.
MAX_FLOORS, MAX_ARROWS = 7, 65
MAIN = 'if __name__ == "__main__":'
VAGUE_NAMES = {"common", "helper", "helpers", "misc", "util", "utils"}
MAX_LINES = 300


def modules(root):
    """Paths of all modules of both packages, relative to `root`."""
    found = [p for package in ("breze_like", "experiments") for p in (root / package).rglob("*.py")]
    return sorted(path.relative_to(root) for path in found)


def dotted_name(path):
    """``breze_like.models.vrae`` for ``breze_like/models/vrae.py``; a package's is its folder's."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(root, path):
    """Dotted names that a module imports; ``from a import b`` gives ``a.b``."""
    package = path.parent.parts
    for node in ast.walk(ast.parse((root / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += (node.module,) if node.module else ()
            yield from (".".join((*base, alias.name)) for alias in node.names)


def unit(name, units):
    """The unit that a dotted name belongs to, None outside the project."""
    package, _, rest = name.partition(".")
    if package == "experiments":
        return package
    if package == "breze_like":
        first = rest.partition(".")[0]
        return first if first in units else "__init__"
    return None


def violations(root):
    """One line for each breach of the architecture in the tree at `root`."""
    paths = modules(root)
    units = {name.split(".")[1] for name in map(dotted_name, paths) if name.startswith("breze_like.")}
    for path in paths:
        if VAGUE_NAMES & set(path.with_suffix("").parts):
            yield f"{path}: the name does not say what it is about"
        own = unit(dotted_name(path), units)
        if own not in ROW_OF:
            yield f"{path}: {own} has no place in the order"
            continue
        for name in imported_names(root, path):
            other = unit(name, units)
            known = other is None or other == own or name == "breze_like.__version__"
            if not known and ROW_OF.get(other, len(ROWS)) >= ROW_OF[own]:
                yield f"{path}: {own} must not import {name}"


def experiments(root):
    """Source and the names that are imported, by the dotted name of a module of experiments/."""
    paths = [path for path in modules(root) if path.parts[0] == "experiments" and len(path.parts) > 1]
    return {
        dotted_name(path): ((root / path).read_text(), list(imported_names(root, path)))
        for path in paths
        if path.parts[1:] != ("__init__.py",)
    }


def imported_module(name, found):
    """The module that an imported name is, or is in; None if it is none of those that were found."""
    return next((n for n in (name, name.rpartition(".")[0]) if n in found), None)


def arrows(root):
    """Pairs of a script or room of experiments/ and one that it imports."""
    found = experiments(root)
    pairs = {
        (module.split(".")[1], other.split(".")[1])
        for module, (_, names) in found.items()
        for other in (imported_module(name, found) for name in names)
        if other
    }
    return {(unit, other) for unit, other in pairs if unit != other}


def script_violations(root):
    """One line for each breach of the order of experiments/ in the tree at `root`."""
    found = experiments(root)
    scripts = {name.split(".")[1] for name in found if name.count(".") == 1} - set(ROW_OF_ROOM)
    for module, (source, names) in found.items():
        own = module.split(".")[1]
        if own in scripts and MAIN not in source:
            yield f"{module}: what is no script has its place in a room"
        if own not in scripts and own not in ROW_OF_ROOM:
            yield f"{module}: {own} has no place in the order"
        for other in {imported_module(name, found) for name in names} - {None, module}:
            if other.split(".")[1] in scripts or MAIN in found[other][0]:
                yield f"{module}: must not import {other}, which is run"
    for unit, other in sorted(arrows(root)):
        if ROW_OF_ROOM.get(other, 0) >= ROW_OF_ROOM.get(unit, len(ROOMS)):
            yield f"experiments.{unit}: must not import experiments.{other}"


def n_floors(pairs):
    """Units of the longest way along arrows."""

    def height(unit):
        return 1 + max((height(other) for from_, other in pairs if from_ == unit), default=0)

    return max(height(unit) for unit, _ in pairs)


def overlong(root):
    """One line for each module of more than `MAX_LINES` lines."""
    for path in modules(root):
        n_lines = len((root / path).read_text().splitlines())
        if n_lines > MAX_LINES:
            yield f"{path}: {n_lines} lines"


def test_imports_point_one_way():
    assert list(violations(ROOT)) == []


def test_scripts_share_rooms():
    assert list(script_violations(ROOT)) == []


def test_experiments_are_as_flat_as_they_were():
    pairs = arrows(ROOT)
    assert n_floors(pairs) <= MAX_FLOORS
    assert len(pairs) <= MAX_ARROWS


def test_modules_are_short():
    assert list(overlong(ROOT)) == []


@pytest.fixture
def tree(tmp_path):
    """Write a tree of modules, given as path=source without ``.py``, below an empty folder."""

    def write(files):
        for name in ("breze_like/__init__", "experiments/__init__", *files):
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files.get(name, ""))
        return tmp_path

    return write


PARTS = {
    "breze_like/moments": "",
    "breze_like/distributions/__init__": "from breze_like.distributions import normal",
    "breze_like/distributions/base": "import numpy\nfrom numpy import moments",
    "breze_like/distributions/normal": "from .base import Distribution",
    "breze_like/layers": "from breze_like.moments import tanh",
    "breze_like/models/__init__": "",
    "breze_like/models/vrae": "from breze_like import __version__, layers\nfrom . import base",
    "breze_like/models/base": "from ..distributions.normal import Normal",
    "breze_like/estimators": "",
    "breze_like/training": "def fit():\n    from breze_like.estimators import bound",
    "breze_like/tasks": "import breze_like.models.vrae",
    "breze_like/__init__": "from breze_like.training import fit\n__version__ = '0'",
    "experiments/train": "import breze_like\nfrom breze_like.training import fit",
    "experiments/table1": "from experiments.paper.rows import Row",
}


def test_accepts_the_order(tree):
    assert list(violations(tree(PARTS))) == []


@pytest.mark.parametrize(
    "module, source",
    [
        ("breze_like/layers", "import breze_like.models.vrae"),
        ("breze_like/layers", "from breze_like.models import vrae"),
        ("breze_like/layers", "from breze_like import models"),
        ("breze_like/layers", "from .models.vrae import VRAE"),
        ("breze_like/layers", "from . import models"),
        ("breze_like/layers", "def late():\n    from breze_like import training"),
        ("breze_like/layers", "from breze_like import fit"),
        ("breze_like/layers", "import breze_like"),
        ("breze_like/models/base", "from ..training import fit"),
        ("breze_like/moments", "from breze_like.distributions.base import Distribution"),
        ("breze_like/recurrence", "from breze_like.distributions.processes import previous"),
        ("breze_like/training", "from breze_like.tasks import impute"),
        ("breze_like/training", "import experiments.train"),
        ("breze_like/__init__", "from experiments import train"),
        ("breze_like/helpers", ""),
        ("breze_like/models/utils", ""),
        ("breze_like/misc/__init__", ""),
        ("experiments/common", ""),
        ("breze_like/novelty", ""),
        ("breze_like/training", "from breze_like.novelty import surprise"),
    ],
)
def test_rejects(tree, module, source):
    breaches = list(violations(tree({**PARTS, module: source})))
    assert len(breaches) >= 1
    assert all(breach.startswith(f"{module}.py: ") for breach in breaches)


RUN = f"{MAIN}\n    pass"
SCRIPTS = {
    "experiments/train": f"from experiments import command_line\nfrom experiments.paper import rows\n{RUN}",
    "experiments/report": f"from experiments.pages.html import page\n{RUN}",
    "experiments/command_line/__init__": "",
    "experiments/paper/__init__": "",
    "experiments/paper/rows": "from experiments.command_line import run\nfrom .seeds import combine",
    "experiments/paper/seeds": "",
    "experiments/pages/html": "def late():\n    from ..paper import seeds",
    "experiments/benchmarks/process": RUN,
}


def test_accepts_rooms(tree):
    root = tree(SCRIPTS)
    assert list(script_violations(root)) == []
    expected = {
        ("train", "command_line"),
        ("train", "paper"),
        ("report", "pages"),
        ("paper", "command_line"),
        ("pages", "paper"),
    }
    assert arrows(root) == expected
    assert n_floors(expected) == 4


@pytest.mark.parametrize(
    "module, source",
    [
        ("experiments/report", f"from experiments.train import main\n{RUN}"),
        ("experiments/report", f"from experiments import train\n{RUN}"),
        ("experiments/report", f"def late():\n    from . import train\n{RUN}"),
        ("experiments/report", "from experiments.pages.html import page"),
        ("experiments/paper/seeds", "import experiments.train"),
        ("experiments/paper/seeds", "from experiments.pages.html import page"),
        ("experiments/paper/seeds", "from experiments.benchmarks.parts import PARTS"),
        ("experiments/command_line/__init__", "from experiments.paper import seeds"),
        ("experiments/benchmarks/worker", "from experiments.benchmarks.process import serve"),
        ("experiments/attic/seeds", ""),
    ],
)
def test_rejects_scripts(tree, module, source):
    parts = {"experiments/benchmarks/parts": ""}
    assert len(list(script_violations(tree({**SCRIPTS, **parts, module: source})))) >= 1


def test_counts_lines(tree):
    root = tree({"breze_like/layers": "\n" * MAX_LINES, "breze_like/moments": "\n" * (MAX_LINES + 1)})
    assert list(overlong(root)) == [f"breze_like/moments.py: {MAX_LINES + 1} lines"]


def test_tests_that_contributing_names_exist():
    """In its table of what runs promise, paths are relative to the tests."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:test_|goldens/)[\w/]+(?:\.py)?)/?`", text))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []
