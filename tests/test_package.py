"""The package as it is installed: version, import without a compiler, contents of the wheel."""

import ast
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import breze_like
from breze_like.__main__ import SCRIPTS


def test_version():
    try:
        version = importlib.metadata.version("breze_like")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("breze_like is not installed")
    assert version == breze_like.__version__


def test_import_is_silent_without_a_compiler(tmp_path):
    """Nothing on the PATH: no compiler, and no other program that PyTensor might ask for."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import breze_like; import pytensor"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "")


def test_the_folder_above_a_clone_does_not_hide_the_package(tmp_path, pytestconfig):
    """Which has a folder of its name; what is installed with -e is found all the same."""
    (tmp_path / "breze_like").symlink_to(pytestconfig.rootpath)
    find = "from importlib.util import find_spec; print(find_spec('breze_like').origin)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run([sys.executable, "-c", find], cwd=tmp_path, env=environment, capture_output=True)
    assert Path(run.stdout.decode().strip()).name == "__init__.py", "install it anew, by pip install -e"


@pytest.fixture(scope="module")
def packaging(pytestconfig):
    """What setup.py defines."""
    return SimpleNamespace(**runpy.run_path(str(pytestconfig.rootpath / "setup.py"), run_name="setup"))


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_an_index_of_packages_shows_a_page_that_is_whole(packaging, pytestconfig):
    """Links lead into the repository; as long as its URL is not known, there are none, and no pictures."""
    readme = (pytestconfig.rootpath / "README.md").read_text()
    files = [target.split("#")[0] for target in LINK.findall(readme) if "://" not in target]
    assert "experiments/results/table1.png" in files
    assert all((pytestconfig.rootpath / file).exists() for file in files)

    source = "https://example.org/somebody/breze_like"
    absolute = packaging.long_description(readme, source)
    assert all(target.startswith("https://") for target in LINK.findall(absolute))
    assert f"]({source}/raw/main/experiments/results/table1.png)" in absolute
    assert f"]({source}/blob/main/breze_like/README.md#what-is-different" in absolute
    assert len(LINK.findall(absolute)) == len(LINK.findall(readme))

    alone = packaging.long_description(readme, None)
    assert all(target.startswith("https://") for target in LINK.findall(alone))
    assert (
        "![" not in alone
        and "| a tutorial, from your own data to a search | experiments/tutorial.md |" in alone
    )


def test_what_the_command_runs_is_in_wheels(packaging, pytestconfig):
    """With all that it imports."""
    assert packaging.SCRIPTS == SCRIPTS
    packed = {path.as_posix() for path in packaging.script_files()}
    for name in packed:
        for node in ast.walk(ast.parse((pytestconfig.rootpath / name).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("experiments"):
                stem = node.module.replace(".", "/")
                options = [f"{stem}.py", f"{stem}/__init__.py"]
                options += [f"{stem}/{alias.name}.py" for alias in node.names]
                assert packed.intersection(options), f"{name} imports {node.module}"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--help"], 0, "\n  evaluate  Score trained runs on sequences that are not cut.\n"),
        (["--version"], 0, breze_like.__version__),
        (["walk"], 1, "error: breze-like must be followed by one of train, evaluate, report, denoise,"),
    ],
)
def test_the_command_in_a_checkout(words, status, said, tmp_path):
    command = [sys.executable, "-m", "breze_like", *words]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == status
    assert said in run.stdout + run.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, pytestconfig):
    """The tree that it is made of, and the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    root = pytestconfig.rootpath
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "venv*", "results")

    def left_out(folder, names):
        return ignored(folder, names) | ({"runs"} if Path(folder) == root else set())

    shutil.copytree(root, tree, ignore=left_out)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, tree]
    subprocess.run(command, check=True)
    return tree, next(folder.glob("breze_like-*.whl"))


@pytest.mark.slow
def test_own_data_by_what_is_installed_alone(wheel, tmp_path):
    """In an environment with the wheel, in an empty folder: from tables to a page."""
    environment, empty = tmp_path / "venv", tmp_path / "empty"
    venv.create(environment)
    python, command = environment / "bin" / "python", environment / "bin" / "breze-like"
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "requirements.pth").write_text("\n".join(path for path in sys.path if "packages" in path))
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        wheel[1],
    ]
    subprocess.run([*install, "--force-reinstall"], check=True)
    rng = np.random.default_rng(0)
    (empty / "tables").mkdir(parents=True)
    for i in range(8):
        values = rng.normal(size=(6 + i, 2))
        np.savetxt(empty / "tables" / f"{i}.csv", values, delimiter=",", header="a,b", comments="")

    def run(*words):
        variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTENSOR_FLAGS")}
        done = subprocess.run([*words], cwd=empty, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(python, "-c", "import breze_like; print(breze_like.__file__)")
    assert where.startswith(str(environment))
    sizes = ["--n-hiddens", "3", "--n-epochs", "2", "--quiet"]
    said = run(command, "train", "--model", "rnn", "--dataset", "tables", "--out", "runs/own", *sizes)
    assert said.splitlines()[-1] == "next: breze-like evaluate runs/own"
    assert "negative log-likelihood, exact" in run(command, "evaluate", "runs/own")
    run(command, "report", "runs/own", "--out", "report.html")
    assert "breze-like train --model rnn" in (empty / "report.html").read_text()
    run(command, "impute", "runs/own", "--missing", "1:3", "--out", "imputed")
    assert {path.name for path in empty.iterdir()} == {"tables", "runs", "report.html", "imputed"}


@pytest.mark.slow
def test_wheel(wheel, packaging):
    """The wheel has the package, scripts, the embedded data set and the licence, and nothing else."""
    tree, path = wheel
    names = set(zipfile.ZipFile(path).namelist())
    stem = f"breze_like-{breze_like.__version__}"
    modules = {str(path.relative_to(tree)) for path in tree.glob("breze_like/**/*.py")}
    modules |= {f"breze_like/{path.as_posix()}" for path in packaging.script_files()}
    assert {name for name in names if name.endswith(".py")} == modules
    assert f"{stem}.data/data/share/breze_like/chorales.h5" in names
    assert any(name.endswith("/LICENSE") for name in names)
    assert "breze_like/py.typed" in names
    assert {name.split("/")[0] for name in names} <= {
        "breze_like",
        f"{stem}.data",
        f"{stem}.dist-info",
    }
