"""Ctrl-C and SIGTERM at random moments in every script, from its first import to its end."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA_SCRIPTS = sorted(path.stem for path in (ROOT / "data").glob("*.py"))
SCRIPTS = sorted([path.stem for path in (ROOT / "experiments").glob("[a-z]*.py")] + DATA_SCRIPTS)

# Seconds in which a script that is told to stop has to end, and more, since compiled code may end first.
PATIENCE = 20

SMALL = ["--n-hiddens", "4", "--n-latent", "2", "--n-emission-hiddens", "4", "--quiet"]


def words_of(script, path, run, out):
    """Arguments with which a script has something to do for some seconds; it writes to the folder `out`."""
    made = ["--out", out / "made"]
    return {
        "build_chorales": ["--out", out / "made.h5"],
        "convert": [path, out / "made.h5"],
        "download": ["nottingham", "--mirror", "http://127.0.0.1:9/none.mat", "--data-dir", out],
        "benchmark": ["--quick", "--parts", "step", "--report", out / "report.md"],
        "check_gradients": [],
        "denoise": [run, *made, "--noise", "0.1"],
        "evaluate": [run, "--n-draws", "100000"],
        "figure3": ["--dataset", path, *made],
        "graph": ["--model", "vosp", *made],
        "impute": [run, *made, "--missing", "1:2"],
        "leakage": ["--datasets", path, "--report", out / "leakage.md"],
        "outliers": [run, *made],
        "publish": [run, "--name", "small/vosp"],
        "random_search": ["--model", "rnn", "--trials", "8", "--dataset", path, *made],
        "report": [run, "--out", out / "report.html"],
        "results_page": ["--results", out],
        "sample": [run, *made],
        "search_cost": ["--results", out],
        "search_report": [out / "nowhere"],
        "table1": ["--datasets", path, "--models", "rnn", "vosp", *made],
        "task_scores": [run, "--report", out / "tasks.md"],
        "train": ["--model", "vosp", "--dataset", path, *SMALL, "--n-epochs", "100000", "--out", out / "run"],
        "trials": [run, "--list", out / "trials.csv"],
    }[script]


@pytest.fixture(scope="module")
def scored(songs, tmp_path_factory):
    """The folder of a VOSP that is trained and scored."""
    folder = tmp_path_factory.mktemp("scored") / "vosp"
    train = ["train", "--model", "vosp", "--dataset", songs, *SMALL, "--n-epochs", "1", "--out", folder]
    for words in (train, ["evaluate", folder, "--n-draws", "2"]):
        start(*words).communicate(timeout=900)
    return folder


def start(script, *words, cwd=ROOT, **environment):
    what = [ROOT / "data" / f"{script}.py"] if script in DATA_SCRIPTS else ["-m", f"experiments.{script}"]
    command = [sys.executable, *map(str, [*what, *words])]
    flags = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Tests that run in a shell's background ignore the signal, and what they start would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, cwd=cwd, env=flags, **pipes)


def children_of(process):
    """Ids of the processes that a process has started, and that are there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == process.pid:
                found.append(int(path.parent.name))
    return found


def has_ended(number):
    """Whether there is no such process, or what is left of one that nobody waits for."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check_files(folder):
    """All that is there can be read."""
    for path in folder.rglob("*"):
        assert not path.name.endswith(".part")
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                assert list(file)
        if path.suffix == ".json":
            json.loads(path.read_text())


def wait_for_handlers(process):
    """Until the process handles signals itself, or has ended."""
    caught = 1 << signal.SIGTERM - 1
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if any(line.startswith("SigCgt:") and int(line.split()[1], 16) & caught for line in lines):
            return
        time.sleep(0.01)


def interrupt(script, number, wait, words, **how):
    """Stop a script, as soon as it handles signals, or after so many seconds more; how it ended."""
    process = start(script, *words, **how)
    wait_for_handlers(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(wait)
    children = children_of(process)
    process.send_signal(number)
    try:
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    until = time.monotonic() + PATIENCE
    while not all(map(has_ended, children)):
        assert time.monotonic() < until, "a child goes on"
        time.sleep(0.05)
    return process.returncode, said


def check_interrupted(script, n_moments, songs, scored, tmp_path):
    moments = random.Random(script)
    for moment in range(n_moments):
        out = tmp_path / str(moment)
        out.mkdir()
        number, wait = moments.choice([signal.SIGINT, signal.SIGTERM]), moments.uniform(0, 10)
        environment = {"BREZE_LIKE_MODELS": str(out / "models"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        environment["cwd"] = out
        status, said = interrupt(script, number, wait, words_of(script, songs, scored, out), **environment)
        told = f"{script}, {number} after {wait:.2f} s, status {status}: {said}"
        assert "Traceback" not in said and "Exception" not in said, told
        assert status in (0, 2, 128 + number), told  # unless it had ended
        lines = [line for line in said.splitlines() if line.startswith("stopped")]
        assert len(lines) == (status == 128 + number), told
        check_files(out)


def test_all_scripts_are_known(tmp_path):
    assert all(isinstance(words_of(script, tmp_path, tmp_path, tmp_path), list) for script in SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_at_random_moments(script, songs, scored, tmp_path):
    check_interrupted(script, 2, songs, scored, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS)
def test_at_many_random_moments(script, songs, scored, tmp_path):
    check_interrupted(script, 20, songs, scored, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["graph", "convert"])
def test_while_a_script_is_imported(script, number):
    status, said = interrupt(script, number, 0, ["--help"])
    about = {
        "convert": "no file was written",
        "graph": "nothing was written; run the same command to start over",
    }
    assert (status, said) in [
        (128 + number, "stopped before anything was started\n"),
        (128 + number, f"stopped; {about[script]}\n"),
    ]


@pytest.mark.slow
def test_of_a_process_that_was_held_up(songs, tmp_path):
    process = start("train", *words_of("train", songs, None, tmp_path))
    while not (tmp_path / "run" / "log.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (
        130,
        "stopped; progress is saved; run the same command with --resume to continue\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", ["random_search", "benchmark"])
def test_children_end_with_a_parent_that_is_killed(script, songs, scored, tmp_path):
    process = start(script, *words_of(script, songs, scored, tmp_path))
    while not children_of(process):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(3)
    children = children_of(process)
    process.kill()
    process.communicate()
    until = time.monotonic() + PATIENCE
    while not all(map(has_ended, children)):
        assert time.monotonic() < until
        time.sleep(0.05)
