"""Packaging entry point: what setup.cfg, which declares everything else, can't say.

The scripts for data of one's own are in wheels, as data of the package, from where `breze-like` runs them.
And an index of packages shows the README without the files that it links to.
"""

import configparser
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent

# What of experiments/ is in wheels: the scripts that `breze-like` runs, and the rooms that these need.
SCRIPTS = ("train", "evaluate", "report", "denoise", "impute", "sample", "outliers")
ROOMS = ("command_line", "music", "pages", "paper")


def script_files():
    """Their files, relative to the root."""
    folder = Path("experiments")
    names = [folder / "__init__.py", *(folder / f"{name}.py" for name in SCRIPTS)]
    return [
        *names,
        *(path.relative_to(ROOT) for r in ROOMS for path in sorted((ROOT / folder / r).glob("*.py"))),
    ]


class BuildWithScripts(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            for path in script_files():
                target = Path(self.build_lib, "breze_like", path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, target)

    def get_source_files(self):
        return [*super().get_source_files(), *map(str, script_files())]


def long_description(readme, source):
    """The README with links into the files of a URL; without one, with their texts, and without pictures."""

    def absolute(match):
        sign, text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        if source:
            kind = "raw" if sign else "blob"
            return f"{sign}[{text}]({source}/{kind}/main/{target})"
        return "" if sign else text

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", absolute, readme)


def source_url():
    """The project's URL called Source in setup.cfg, None if there is none."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config.get("metadata", "project_urls", fallback="").splitlines()
    urls = dict(map(str.strip, line.split("=", 1)) for line in lines if "=" in line)
    return urls.get("Source")


if __name__ == "__main__":
    setup(
        cmdclass={"build_py": BuildWithScripts},
        long_description=long_description((ROOT / "README.md").read_text(encoding="utf-8"), source_url()),
        long_description_content_type="text/markdown",
    )
