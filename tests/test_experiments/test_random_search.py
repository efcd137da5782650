"""The random search, started as people do: what is refused, what interrupts it, and that nothing is lost."""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from optuna.trial import TrialState

from breze_like import data
from breze_like.runs import Run
from breze_like.training import is_finished
from experiments import random_search
from experiments.search import studies

COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL
ROOT = Path(__file__).resolve().parents[2]


def test_bad_input(complaint, small_data, real_data, small_space, tmp_path):
    def said(*words, model="rnn", dataset=small_data):
        return complaint(random_search, ["--model", model, "--dataset", dataset, "--out", tmp_path, *words])

    assert "--trials must be positive, got 0" in said("--trials", "0")
    assert "--jobs must be positive, got -1" in said("--jobs", "-1")
    assert "--budget must be positive" in said("--budget", "nan")
    assert "--seed must not be negative" in said("--seed", "-1")
    assert "real is real-valued" in said(dataset=real_data)
    assert "data set must be one of" in said(dataset="nothing")
    assert "--also must be among" in said("--also", "kl")
    assert "--pruner must be none with --also kl" in said("--also", "kl", "--pruner", "median", model="vrae")
    assert "nothing.json" in said("--space", tmp_path / "nothing.json")
    assert "choose --model vrae_published or" in said("--space", "paper", model="vrae")
    assert "Is a directory" in said("--record", tmp_path)
    assert "--record must be the file of a search" in said("--record", small_space)
    assert "journal in the folder --out" in said("--storage", f"journal:{tmp_path}/elsewhere/study.journal")
    assert "failed: conn" in said("--storage", "postgresql://127.0.0.1:1/x")
    assert "URL with a driver" in said("--storage", "quux://host")
    path = tmp_path / "file"
    path.touch()
    assert "file" in said("--out", path / "folder")
    assert "Permission denied" in said("--out", "/proc/1/search") or os.geteuid() == 0


def test_study_of_something_else(complaint, small_data, small_space, tmp_path):
    words = ["--model", "rnn", "--space", small_space, "--out", tmp_path, "--study", "one", "--dataset"]
    options = random_search.parse([str(word) for word in [*words, small_data]])
    dataset = data.load(str(small_data))
    random_search.make_plan(options, dataset).open(dataset)
    before = (tmp_path / "study.db").read_bytes()
    assert "study one in sqlite:///" in complaint(random_search, [*words, "chorales"])
    assert 'must have dataset "chorales"' in complaint(random_search, [*words, "chorales"])
    assert "must have model" in complaint(random_search, [*words, small_data, "--model", "dots_rnn"])
    assert "seed 2, it was made with 1" in complaint(random_search, [*words, small_data, "--seed", 2])
    other = tmp_path / "other.json"
    other.write_text('{"n_hiddens": [5]}')
    assert "must have space" in complaint(random_search, [*words, small_data, "--space", other])
    assert (tmp_path / "study.db").read_bytes() == before


# What follows starts the script as people do, on the chorales.
N_TRIALS = 16


class Searching:
    """The script in a process of its own, with workers."""

    def __init__(self, space, out, *more, limit=None):
        words = ["--model", "rnn", "--space", space, "--budget", "0.72", "--out", out, "--heartbeat", "5"]
        words += ["--pruner", "none"]
        command = [sys.executable, "-m", "experiments.random_search", *words, *more]
        self._process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    def end(self):
        """Status, and what was said on both streams."""
        try:
            out, err = self._process.communicate(timeout=300)
        finally:
            self.kill()
        return self._process.returncode, out, err

    @property
    def has_ended(self):
        return self._process.poll() is not None

    @property
    def workers(self):
        """Ids of the processes that train."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid and b"spawn_main" in (path.parent / "cmdline").read_bytes():
                    found.append(int(path.parent.name))
        return found

    def wait_for_progress(self, folder):
        """Until something has been logged of a trial; whether the search goes on."""
        before = self._n_logged(folder)
        while not self.has_ended and self._n_logged(folder) == before:
            time.sleep(0.02)
        return not self.has_ended

    @staticmethod
    def _n_logged(folder):
        return sum(path.stat().st_size for path in Path(folder).glob("trial_*/log.jsonl"))

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)

    def kill_worker(self, rng):
        if workers := self.workers:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)

    def kill(self):
        """Everything, as when the power is cut."""
        workers = self.workers
        self._process.kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self._process.communicate()


def outcomes_of(folder, storage=None):
    """Empty while there is no study yet."""
    try:
        return studies.outcomes(studies.load_study(folder, storage))
    except (ValueError, OSError):
        return []


def n_ended(*where):
    return sum(outcome.state.is_finished() for outcome in outcomes_of(*where))


def wait_until(condition):
    for _ in range(1000):  # not by the clock: all processes may have been stopped in between
        if condition():
            return
        time.sleep(0.2)
    pytest.fail("what was waited for did not happen")


def scores_of(*where):
    """What must be the same, however the search went."""
    found = outcomes_of(*where)[:N_TRIALS]
    return [(*outcome[:5], outcome.rung, outcome.scores) for outcome in found]


def check_all_whole(folder, storage=None):
    """Each configuration has ended once, and its run is complete."""
    for number, tries in studies.attempts(studies.load_study(folder, storage)).items():
        assert [attempt.state for attempt in tries].count(COMPLETE) == 1
        assert all(studies.is_void(attempt) for attempt in tries if attempt.state != COMPLETE)
        run = Run(folder / f"trial_{number:04d}")
        assert is_finished(run)
        assert run.config["training"]["n_epochs"] == run.read_log()[-1]["epoch"]
        names = {path.name for path in run.folder.iterdir()}
        assert names == {".lock", "config.json", "log.jsonl", "checkpoint.h5"}


@pytest.fixture(scope="module")
def undisturbed(small_space, tmp_path_factory):
    """Scores of a search with one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    status, out, err = Searching(small_space, folder, "--trials", N_TRIALS).end()
    assert (status, err) == (0, "")
    assert f"{N_TRIALS} of {N_TRIALS} done" in out
    check_all_whole(folder)
    return scores_of(folder)


@pytest.mark.long
def test_two_workers_and_ctrl_c_and_more_trials(small_space, undisturbed, tmp_path):
    command = small_space, tmp_path, "--trials", N_TRIALS, "--jobs", 2
    searching = Searching(*command)
    wait_until(lambda: n_ended(tmp_path) >= 3)
    workers = searching.workers
    assert len(workers) == 2
    searching.interrupt()
    status, _, err = searching.end()
    assert (status, err) == (130, "stopped; all trials are saved; run the same command to continue\n")
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert 3 <= n_ended(tmp_path) < N_TRIALS

    assert Searching(*command).end()[0] == 0
    assert scores_of(tmp_path) == undisturbed
    check_all_whole(tmp_path)
    n_attempts = len(studies.load_study(tmp_path).trials)

    status, out, _ = Searching(*command).end()
    assert (status, len(studies.load_study(tmp_path).trials)) == (0, n_attempts)
    best = min(undisturbed, key=lambda outcome: outcome[3])
    assert f"best {best[3]:.3f} (trial {best[0]})" in out

    assert Searching(small_space, tmp_path, "--trials", 24, "--jobs", 2).end()[0] == 0
    assert len(studies.load_study(tmp_path).trials) == n_attempts + 8
    assert [outcome.number for outcome in outcomes_of(tmp_path)] == list(range(24))
    assert scores_of(tmp_path) == undisturbed


@pytest.mark.long
def test_twenty_kills(small_space, undisturbed, tmp_path):
    rng, n_kills, n_trials = random.Random(0), 0, N_TRIALS
    searching = Searching(small_space, tmp_path, "--trials", n_trials, "--jobs", 2)
    while n_kills < 20:
        if not searching.wait_for_progress(tmp_path):  # too fast: some more
            assert searching.end()[0] == 0
            n_trials += 4
            searching = Searching(small_space, tmp_path, "--trials", n_trials, "--jobs", 2)
            continue
        time.sleep(rng.uniform(0, 0.3))
        n_kills += 1
        if rng.random() < 0.5:
            searching.kill_worker(rng)
        else:
            searching.kill()
            searching = Searching(small_space, tmp_path, "--trials", n_trials, "--jobs", 2)
    status, _, err = searching.end()
    assert (status, err) == (0, "")
    assert len(outcomes_of(tmp_path)) == n_trials
    assert len(studies.load_study(tmp_path).trials) > n_trials
    assert scores_of(tmp_path) == undisturbed
    check_all_whole(tmp_path)


@pytest.mark.long
def test_kills_and_successive_halving(small_space, tmp_path):
    """Who goes on is the same, and so is all that becomes of it."""
    command = "--trials", N_TRIALS, "--pruner", "halving"
    assert Searching(small_space, tmp_path / "undisturbed", *command).end()[0] == 0
    expected = scores_of(tmp_path / "undisturbed")
    assert sorted(rung for *_, rung, _ in expected) == [*12 * [0], *3 * [1], 2]

    rng, n_kills, folder = random.Random(0), 0, tmp_path / "disturbed"
    record = tmp_path / "search.json"
    command = small_space, folder, *command, "--jobs", 2, "--record", record
    searching = Searching(*command)
    while n_kills < 10 and searching.wait_for_progress(folder):
        time.sleep(rng.uniform(0, 0.3))
        n_kills += 1
        if rng.random() < 0.5:
            searching.kill_worker(rng)
        else:
            searching.kill()
            searching = Searching(*command)
    status, out, err = searching.end()
    assert (status, err) == (0, "")
    assert f"{N_TRIALS} of {N_TRIALS} done, 15 pruned" in out
    assert scores_of(folder) == expected
    assert n_kills > 3 and any(map(studies.is_void, studies.load_study(folder).trials))
    for number, tries in studies.attempts(studies.load_study(folder)).items():
        ended = [studies.rung_of(attempt) for attempt in tries if not studies.is_void(attempt)]
        assert sorted(ended) == list(range(expected[number][5] + 1))
        assert is_finished(Run(folder / f"trial_{number:04d}")) == (expected[number][2] == COMPLETE)

    # The file that was kept beside it is all that another machine needs.
    again = Searching(small_space, tmp_path / "elsewhere", *command[2:])
    assert again.end()[0] == 0
    assert scores_of(tmp_path / "elsewhere") == expected
    assert not list((tmp_path / "elsewhere").glob("trial_*"))


@pytest.fixture
def postgres():
    """URL of a new database, and a function that restarts its server."""
    debian = map(str, Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    found = shutil.which("pg_ctl") or max(debian, default=None)
    if found is None:
        pytest.skip("no PostgreSQL: neither pg_ctl on the PATH nor /usr/lib/postgresql")
    # The server refuses to be root, and its folder must be its own.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    user = []
    if os.geteuid() == 0:
        user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody", "nogroup")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def control(program, *words):
        command = [*user, str(Path(found).with_name(program)), "-D", str(folder / "data"), *words]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr

    def start():
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        control("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")

    def restart():
        control("pg_ctl", "-m", "immediate", "stop")
        time.sleep(3)
        start()

    control("initdb", "-U", "search", "-A", "trust")
    start()
    try:
        yield f"postgresql://search@127.0.0.1:{port}/postgres", restart
    finally:
        control("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.mark.long
def test_two_machines_and_a_database_that_is_restarted(small_space, undisturbed, tmp_path, postgres):
    url, restart = postgres
    command = small_space, tmp_path, "--trials", N_TRIALS, "--storage", url
    machines = [Searching(*command) for _ in range(2)]
    wait_until(lambda: n_ended(tmp_path, url) >= 3)
    restart()
    n_before = n_ended(tmp_path, url)
    assert n_before < N_TRIALS
    wait_until(lambda: n_ended(tmp_path, url) >= min(n_before + 2, N_TRIALS))
    # One of the machines dies; its trial is taken up by the other one.
    machines[0].kill()
    status, out, err = machines[1].end()
    assert (status, err) == (0, "")
    assert scores_of(tmp_path, url) == undisturbed
    check_all_whole(tmp_path, url)
    assert not (tmp_path / "study.db").exists()


@pytest.mark.slow
def test_diverging_trials_do_not_stop_the_search(tmp_path):
    space = tmp_path / "space.json"
    # More than single precision holds.
    space.write_text(json.dumps({"n_hiddens": [4], "momentum": [0.995], "step_rate": [1e39, 0.01]}))
    status, out, err = Searching(space, tmp_path / "out", "--trials", 4).end()
    assert (status, err) == (0, "")
    found = outcomes_of(tmp_path / "out")
    assert {outcome.state for outcome in found} == {COMPLETE, FAIL}
    for outcome in found:
        assert (outcome.state == FAIL) == (outcome.params["step_rate"] == 1e39)
        if outcome.state == FAIL:
            assert outcome.reason.startswith("loss or gradient was not finite 11 times in a row")
            assert f"trial {outcome.number} failed: loss or gradient was not finite" in out


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is full soon, what a process needs for that, and a function that makes room."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", tmp_path]
    mounted = subprocess.run(mount, capture_output=True)
    if mounted.returncode == 0:
        yield tmp_path, None, lambda: subprocess.run(["mount", "-o", "remount,size=9m", tmp_path], check=True)
        subprocess.run(["umount", "-l", tmp_path], check=True)
    else:  # files that can't grow are the next best thing
        yield tmp_path, partial(resource.setrlimit, resource.RLIMIT_FSIZE, 2 * (19_000,)), lambda: None


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_full_disk(small_space, undisturbed, small_disk, kind):
    folder, limit, make_room = small_disk
    storage = f"journal:{folder / 'study.journal'}" if kind == "journal" else None
    where = ["--storage", storage] if storage else []
    command = small_space, folder, "--trials", 6, "--jobs", 2, *where
    status, _, err = Searching(*command, limit=limit).end()
    assert status == 2
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert any(words in line for words in ("No space", "full", "too large", "disk I/O"))
    make_room()
    before = [outcome for outcome in outcomes_of(folder, storage) if outcome.state.is_finished()]
    assert len(before) < 6
    assert Searching(*command).end()[0] == 0
    assert scores_of(folder, storage) == undisturbed[:6]
    assert set(map(str, before)) <= set(map(str, outcomes_of(folder, storage)))
    check_all_whole(folder, storage)
