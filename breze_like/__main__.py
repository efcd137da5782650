"""The command ``breze-like``: the scripts for users' own data, wherever the package is installed.

    breze-like train --model vosp --dataset FOLDER --out runs/own
    breze-like evaluate runs/own

``breze-like NAME`` is the same as ``python -m experiments.NAME`` in a checkout. In a wheel, the scripts are
next to this module.
"""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path

from breze_like import __version__

SCRIPTS = ("train", "evaluate", "report", "denoise", "impute", "sample", "outliers")


def main():
    """Run the script that the command line names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        print(__version__)
    elif name not in SCRIPTS:
        sys.exit(f"error: breze-like must be followed by one of {', '.join(SCRIPTS)}, got {name!r}")
    else:
        sys.argv = [f"breze-like {name}", *arguments]
        find_scripts()
        runpy.run_module(f"experiments.{name}", run_name="__main__")


def usage():
    """A line for each script, the first one of its own."""
    lines = ["usage: breze-like SCRIPT ...; breze-like SCRIPT --help shows the options", ""]
    for name in SCRIPTS:
        about = ast.get_docstring(ast.parse((folder() / f"{name}.py").read_text(encoding="utf-8")))
        lines.append(f"  {name:10}{about.splitlines()[0]}")
    return "\n".join(lines)


def folder():
    """The folder of the scripts: next to this module, or next to the package in a checkout."""
    package = Path(__file__).resolve().parent
    return next(path for path in (package / "experiments", package.parent / "experiments") if path.is_dir())


def find_scripts():
    """Let their package be imported as ``experiments``, whatever else has this name."""
    spec = importlib.util.spec_from_file_location(
        "experiments", folder() / "__init__.py", submodule_search_locations=[str(folder())]
    )
    package = sys.modules["experiments"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
