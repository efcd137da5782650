"""Scripts for Slurm: that bash and our own parsers understand them, without a cluster."""

import importlib
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "slurm"
SCRIPTS = sorted(FOLDER.glob("*.sbatch"))

# Stand-ins: one runs what follows its options, the other one tells what it was asked to run.
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit ${GPU_STATUS:-0}
printf '%s\\n' "$@"
"""


@pytest.fixture
def run(tmp_path):
    """Run a script with words, where Slurm and Python are stand-ins."""
    for name, text in {"srun": SRUN, "python": PYTHON}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(script, *words, **variables):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "SLURM_CPUS_PER_TASK": "3", **variables}
        command = ["bash", str(script), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=FOLDER.parents[1])

    return run


def parse(words):
    """What the script that ``-m experiments.NAME ...`` names makes of the other words."""
    assert words[:1] == ["-m"] and words[1].startswith("experiments.")
    script = importlib.import_module(words[1])
    return script.parse(words[2:]) if hasattr(script, "parse") else script.make_parser().parse_args(words[2:])


def test_there_is_one_for_cpus_and_one_for_gpus():
    assert [script.name for script in SCRIPTS] == ["search.sbatch", "search_gpu.sbatch"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
class TestScripts:
    def test_syntax(self, script):
        checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")

    def test_settings_stand_before_the_first_command(self, script):
        lines = script.read_text().splitlines()
        assert lines[0] == "#!/bin/bash"
        first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
        settings = [line for line in lines if line.startswith("#SBATCH")]
        assert settings == [line for line in lines[:first] if line.startswith("#SBATCH")]
        assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in settings)
        names = {line.split()[1].partition("=")[0] for line in settings}
        assert {"--array", "--cpus-per-task", "--signal", "--time", "--requeue"} <= names

    def test_what_it_runs(self, script, run):
        done = run(script, "musedata", "vosp", "--budget", "4", BREZE_LIKE_STORAGE="postgresql://me@host/all")
        assert (done.returncode, done.stderr) == (0, "")
        options = parse(done.stdout.splitlines())
        assert (options.dataset, options.model, options.budget) == ("musedata", "vosp", 4.0)
        assert (options.storage, options.jobs) == ("postgresql://me@host/all", 3)
        assert (options.trials, options.threads, options.out) == (64, 1, None)

    @pytest.mark.parametrize("words", [[], ["musedata"], ["musedata", "vosp"]])
    def test_what_is_missing_is_said(self, script, run, words):
        done = run(script, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1

    def test_commands_in_its_comments(self, script):
        commands = re.findall("^# +python (-m .*)$", script.read_text(), re.MULTILINE)
        assert len(commands) >= 2
        for command in commands:
            parse(shlex.split(command))
        for name in re.findall(r"^# +sbatch .*?(experiments/\S*)", script.read_text(), re.MULTILINE):
            assert (FOLDER.parents[1] / name).is_file()


def test_without_a_gpu_nothing_is_trained(run):
    words = ["musedata", "vosp"]
    done = run(SCRIPTS[1], *words, BREZE_LIKE_STORAGE="postgresql://me@host/all", GPU_STATUS="1")
    assert (done.returncode, done.stdout) == (1, "")
