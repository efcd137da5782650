"""Trainings that are killed, or stopped, right after new progress: they go on to the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
N_KILLS = 25
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


class Training:
    """The script in a process of its own, until it has ended."""

    def __init__(self, songs, folder, model):
        words = ["--model", model, "--dataset", songs, "--out", folder, "--resume", "--quiet"]
        words += ["--n-hiddens", 3, "--n-latent", 2, "--n-emission-hiddens", 3, "--n-epochs", 4000]
        command = [sys.executable, "-m", "experiments.train", *map(str, words), "--validate-every", "10"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
        self._log = Path(folder, "log.jsonl")

    def wait_for_progress(self):
        """Until it has logged something; whether it goes on."""
        before = self._size()
        while self._process.poll() is None and self._size() == before:
            time.sleep(0.01)
        return self._process.poll() is None

    def send(self, number):
        self._process.send_signal(number)
        return self.end()

    def end(self):
        """Its status, and what it said of errors."""
        try:
            _, said = self._process.communicate(timeout=600)
        finally:
            self._process.kill()
        return self._process.returncode, said

    def _size(self):
        return self._log.stat().st_size if self._log.exists() else 0


def result_of(folder):
    """All that must be the same: the log, arrays and counters, but no times."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for entry in log:
        del entry["seconds"]
    with h5py.File(folder / "checkpoint.h5") as file:
        arrays = {name: file[name][()] for name in file}
        state = json.loads(file.attrs["attributes"])
    return log, arrays, without_times(state)


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if "seconds" not in name}
    return value


@pytest.mark.long
@pytest.mark.parametrize("model", ["rnn", "vosp"])
def test_many_kills_of_a_training(model, songs, tmp_path):
    status, said = Training(songs, tmp_path / "undisturbed", model).end()
    assert status == 0, said
    moments, folder, n_kills = random.Random(model), tmp_path / "disturbed", 0
    while n_kills < N_KILLS:
        training = Training(songs, folder, model)
        assert training.wait_for_progress(), training.end()
        time.sleep(moments.uniform(0, 0.1))
        number = moments.choice(SIGNALS)
        status, said = training.send(number)
        expected = -number if number == signal.SIGKILL else 128 + number
        assert status == expected and "Traceback" not in said, (number, status, said)
        n_kills += 1
    status, said = Training(songs, folder, model).end()
    assert status == 0, said
    (log, arrays, state), (same_log, same_arrays, same_state) = map(
        result_of, (folder, tmp_path / "undisturbed")
    )
    assert log == same_log and state == same_state
    assert arrays.keys() == same_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, same_arrays[name], name)
    assert not list(folder.glob("*.part")) and not list(folder.glob(".*.part"))
