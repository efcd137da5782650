"""The package as it is installed: version, import without a compiler, contents of the wheel."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import breze_like


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


@pytest.mark.slow
def test_wheel(tmp_path, pytestconfig):
    """The wheel has the package, the embedded data set and the licence, and nothing else."""
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "runs", "venv*")
    shutil.copytree(pytestconfig.rootpath, tree, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, tree]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("breze_like-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    stem = f"breze_like-{breze_like.__version__}"
    modules = {str(path.relative_to(tree)) for path in tree.glob("breze_like/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert f"{stem}.data/data/share/breze_like/chorales.h5" in names
    assert any(name.endswith("/LICENSE") for name in names)
    assert "breze_like/py.typed" in names
    assert {name.split("/")[0] for name in names} <= {
        "breze_like",
        f"{stem}.data",
        f"{stem}.dist-info",
    }
