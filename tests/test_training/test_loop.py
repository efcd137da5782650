import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like import VRAE, interrupts
from breze_like.data import chunk
from breze_like.models.base import Model, per_step
from breze_like.runs import Run
from breze_like.training import (
    TrainingDiverged,
    TrainingSettings,
    before,
    course,
    fit,
    is_finished,
    load_parameters,
    progress_of,
)

REPOSITORY = Path(__file__).resolve().parents[2]
POISON = 100.0  # an observation like this makes loss and gradient NaN


class Linear(Model):
    """A noisy linear map of each step onto itself, with a penalty in place of a KL divergence."""

    def __init__(self, n_features=2, pause=0.0):
        super().__init__()
        self.n_features, self.pause = n_features, pause
        self.parameters.declare("weights", (n_features, n_features))
        self.parameters.declare("bias", (n_features,))
        x, mask = self.inputs["observations"], self.inputs["mask"]
        noise = self.inputs["noise"] = pt.tensor3("noise")
        weight = self.inputs["kl_weight"] = pt.scalar("kl_weight")
        self.training_inputs = ("observations", "mask", "noise", "kl_weight")
        weights = self.parameters["weights"]
        error = pt.tensordot(x + 0.1 * noise, weights, 1) + self.parameters["bias"] - x
        terms = mask * (pt.sqr(error).sum(axis=2) + weight * pt.sqr(weights).sum())
        poisoned = pt.switch(pt.ge(x.max(), POISON), np.nan, 1.0)
        self.expressions["loss"] = per_step(terms, mask) * poisoned

    def draw_noise(self, rng, n_steps, n_sequences):
        time.sleep(self.pause)
        return rng.standard_normal((n_steps, n_sequences, self.n_features))


class Noiseless(Model):
    """A mean of all steps, with neither noise nor KL divergence."""

    def __init__(self):
        super().__init__()
        for name in ("first", "second"):
            self.parameters.declare(name, (1,))
        mean = pt.concatenate([self.parameters["first"], self.parameters["second"]])
        mask = self.inputs["mask"]
        error = self.inputs["observations"] - mean
        self.expressions["loss"] = per_step(mask * pt.sqr(error).sum(axis=2), mask)


@pytest.fixture(scope="module")
def model():
    """One model for all tests: `function` compiles once."""
    model = Linear()
    compiled = model.function(list(model.training_inputs), ["loss", "gradient"])
    model.function = lambda inputs, outputs: compiled
    return model


@pytest.fixture(autouse=True)
def initial_parameters(request):
    if "model" in request.fixturenames:
        initialize(request.getfixturevalue("model"))


def initialize(model):
    model.parameters.data[...] = np.random.default_rng(7).standard_normal(model.parameters.size)


def sequences(seed, n):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(3, 15), 2)) for _ in range(n)]


TRAIN, VALID = sequences(1, 11), sequences(2, 3)
SETTINGS = TrainingSettings(
    n_epochs=6,
    batch_size=3,
    chunk_length=6,
    annealing_updates=12,
    validate_every=2,
    step_rate_schedule="cosine",
)


def distance(model):
    """A score: how far the parameters are from a fixed point."""
    return lambda _: float(np.abs(model.parameters.data - 0.1).sum())


def train(model, settings=SETTINGS, run=None, validate=None, data=TRAIN, progress=False, until=1.0):
    rng = np.random.default_rng(3)
    return fit(model, data, VALID, settings, rng, validate or distance(model), run, progress, until)


def without_seconds(entries):
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in entries]


def assert_same_training(model, history, expected):
    parameters, entries = expected
    np.testing.assert_array_equal(model.parameters.data, parameters)
    assert without_seconds(history.entries) == without_seconds(entries)


@pytest.fixture(scope="module")
def uninterrupted(model):
    """Parameters and log entries of a training without an interruption."""
    initialize(model)
    history = train(model)
    return model.parameters.data.copy(), history.entries


class TestLoop:
    def test_agrees_with_a_loop_by_hand(self):
        """On a quadratic without noise, with climin's formulas and every chunk in every minibatch."""
        model = Noiseless()
        settings = TrainingSettings(n_epochs=20, batch_size=100, chunk_length=5, step_rate=0.1, momentum=0.5)
        scores = iter(range(20, 0, -1))
        history = train(model, settings, validate=lambda _: next(scores))
        mean = np.concatenate(TRAIN).mean(axis=0)
        bias, step, square, losses = np.zeros(2), np.zeros(2), np.ones(2), []
        for _ in range(20):
            ahead = bias - 0.5 * step
            losses.append(np.mean(np.sum((np.concatenate(TRAIN) - ahead) ** 2, axis=1)))
            gradient = 2 * (ahead - mean)
            square = 0.9 * square + 0.1 * gradient**2
            step = 0.5 * step + 0.1 * gradient / np.sqrt(square + 1e-8)
            bias = bias - step
        np.testing.assert_allclose(model.parameters.data, bias, rtol=1e-10)
        np.testing.assert_allclose([entry["train_loss"] for entry in history.entries], losses, rtol=1e-10)

    def test_learns_and_logs(self, model):
        settings = TrainingSettings(
            n_epochs=30, batch_size=4, chunk_length=6, step_rate=0.02, annealing_updates=40
        )
        history = train(model, settings)
        n_batches = -(-len(chunk(TRAIN, 6)) // 4)
        assert [entry["epoch"] for entry in history.entries] == list(range(1, 31))
        assert [entry["update"] for entry in history.entries] == [n_batches * e for e in range(1, 31)]
        assert history.entries[0]["kl_weight"] == n_batches / 40
        assert history.entries[-1]["kl_weight"] == 1
        assert history.entries[-1]["train_loss"] < history.entries[0]["train_loss"] / 2
        assert all(entry["gradient_norm"] > 0 and entry["n_skipped"] == 0 for entry in history.entries)

    def test_validates_on_chunks_and_after_the_last_epoch(self, model):
        seen = []
        settings = TrainingSettings(n_epochs=5, chunk_length=6, validate_every=3)
        history = train(model, settings, validate=lambda chunks: seen.append(chunks) or 1.0)
        assert [entry["epoch"] for entry in history.entries] == [3, 5]
        for chunks in seen:
            np.testing.assert_array_equal(np.concatenate(chunks), np.concatenate(VALID))
            assert max(map(len, chunks)) == 6

    def test_validates_on_the_training_objective_by_default(self, model, monkeypatch):
        given = []

        def validation_score(model, chunks, n_draws):
            given.append((len(chunks), n_draws))
            return 1.0

        monkeypatch.setattr(before, "validation_score", validation_score)
        settings, rng = TrainingSettings(n_epochs=1), np.random.default_rng(3)
        assert fit(model, TRAIN, VALID, settings, rng, progress=False).best_score == 1.0
        assert given == [(len(chunk(VALID, settings.chunk_length)), settings.n_draws)]

    def test_keeps_the_best_parameters(self, model):
        visited, scores = [], iter([3.0, 1.0, float("nan"), 2.0, 1.5, 4.0])

        def validate(_):
            visited.append(model.parameters.data.copy())
            return next(scores)

        history = train(model, TrainingSettings(n_epochs=6), validate=validate)
        np.testing.assert_array_equal(model.parameters.data, visited[1])
        assert (history.best_score, history.best_epoch) == (1.0, 2)
        assert [entry["valid_score"] for entry in history.entries] == [3.0, 1.0, None, 2.0, 1.5, 4.0]

    def test_without_a_finite_score_the_last_parameters_stay(self, model):
        last = []
        validate = lambda _: last.append(model.parameters.data.copy()) or float("nan")  # noqa: E731
        history = train(model, TrainingSettings(n_epochs=2), validate=validate)
        assert (history.best_score, history.best_epoch) == (None, None)
        np.testing.assert_array_equal(model.parameters.data, last[-1])

    def test_stops_early(self, model):
        scores = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
        settings = TrainingSettings(n_epochs=6, patience=3)
        assert len(train(model, settings, validate=lambda _: next(scores)).entries) == 5

    def test_progress_bar(self, model, capsys, monkeypatch):
        train(model, progress=False)
        assert capsys.readouterr().err == ""
        train(model, progress=True)
        shown = capsys.readouterr().err
        assert "\r" not in shown
        assert all(line.startswith("epoch ") for line in shown.splitlines())
        assert shown.splitlines()[-1].startswith("epoch 6, train ")
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        train(model, progress=True)
        shown = capsys.readouterr().err
        for text in ("epoch 6", "train ", "valid ", "best ", "KL weight 1.000", "0 skipped"):
            assert text in shown

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({"train": []}, "train must hold at least one sequence, got none"),
            (
                {"valid": [np.zeros((0, 2))]},
                r"valid\[0\] must have at least one step and one feature",
            ),
        ],
    )
    def test_rejects_empty_data(self, model, arguments, message):
        data = {"train": TRAIN, "valid": VALID, **arguments}
        with pytest.raises(ValueError, match=message):
            fit(model, data["train"], data["valid"], SETTINGS, np.random.default_rng(0), distance(model))

    @pytest.mark.parametrize(
        "changed, message",
        [
            (
                {"train": [np.full((4, 2), np.nan)]},
                r"train\[0\] must be 0 or 1, got nan at step 0",
            ),
            ({"train": [np.zeros(4)]}, r"train\[0\] must be 2-D, \(n_steps, n_features\), got shape \(4,\)"),
            ({"train": [np.zeros((4, 3))]}, r"train\[0\] must have 2 features, got 3"),
            ({"valid": [np.full((4, 2), 0.5)]}, r"valid\[0\] must be 0 or 1, got 0.5 at step 0, feature 0"),
            (
                {"valid": [[[0, 1], [1]]]},
                r"valid\[0\] must be a rectangular array, got rows of different lengths",
            ),
            ({"run": "folder"}, "run must be a Run, such as Run.create"),
            ({"settings": {"n_epochs": 3}}, r"settings must be TrainingSettings, got \{'n_epochs': 3\}"),
            ({"rng": 0}, "rng must be a generator, .*, got 0"),
            ({"valid": None}, "valid must be a list of sequences, got NoneType"),
            ({"validate": 3}, "validate must be a function of sequences, got 3"),
            ({}, r"model must have initial parameters, but all are 0: call its initialize\(rng\) first"),
        ],
    )
    def test_checks_everything_before_the_first_update(self, changed, message):
        model = VRAE(n_visible=2, n_latent=1, n_hiddens=(1,))
        if changed:
            model.initialize(np.random.default_rng(0))
        before, sequences = model.parameters.data.copy(), [np.zeros((4, 2))]
        arguments = {"train": sequences, "valid": sequences, "settings": SETTINGS}
        arguments |= {"rng": np.random.default_rng(0), **changed}
        with pytest.raises(ValueError, match=message):
            fit(model, **arguments)
        np.testing.assert_array_equal(model.parameters.data, before)

    def test_rejects_annealing_of_nothing(self):
        with pytest.raises(ValueError, match="annealing_updates must be 0 for a model without .*, got 12"):
            train(Noiseless())


class TestSkipping:
    settings = TrainingSettings(n_epochs=2, batch_size=2, chunk_length=100, validate_every=2, max_skipped=2)

    def test_skips_and_counts(self, model):
        # 20 sequences are 10 minibatches, one of them poisoned
        poisoned = [*TRAIN, *sequences(4, 8), np.full((3, 2), POISON)]
        history = train(model, self.settings, data=poisoned)
        assert history.entries[-1]["n_skipped"] == 2
        assert history.entries[-1]["update"] == 20
        assert np.isfinite(history.entries[-1]["train_loss"])
        assert np.isfinite(model.parameters.data).all()

    def test_ends_with_an_error_after_several_in_a_row(self, model, tmp_path):
        poisoned = [np.full((3, 2), POISON)] * 8
        initial = model.parameters.data.copy()
        run = Run.create(tmp_path / "run", {})
        message = (
            "not finite 3 times in a row, from update 0 on, in epoch 0: the loss was not finite from "
            "the start: look"
        )
        for _ in range(2):  # and again when it is resumed
            with pytest.raises(TrainingDiverged, match=message):
                train(model, self.settings, data=poisoned, run=run)
        np.testing.assert_array_equal(model.parameters.data, initial)
        arrays, _ = run.read_checkpoint(model.parameters)
        np.testing.assert_array_equal(arrays["parameters"], initial)

    def test_says_if_it_is_the_gradient_alone(self, monkeypatch):
        model = Noiseless()
        monkeypatch.setattr(model, "function", lambda *_: lambda *_: (1.0, np.full(2, np.nan)))
        with pytest.raises(
            TrainingDiverged, match="only the gradient was not finite from the start: look at"
        ):
            train(model, self.settings, validate=len)

    def test_says_if_it_came_with_training(self, monkeypatch):
        model, losses = Noiseless(), iter([1.0, *[np.nan] * 9])
        monkeypatch.setattr(model, "function", lambda *_: lambda *_: (next(losses), np.ones(2)))
        with pytest.raises(
            TrainingDiverged, match="3 times in a row, from update 1 on, in epoch 0: try a smaller"
        ):
            train(model, self.settings, validate=len)


class TestResume:
    @pytest.fixture
    def run(self, tmp_path):
        return Run.create(tmp_path / "run", {"seed": 3})

    def test_with_a_run_is_as_without(self, model, run, uninterrupted):
        assert_same_training(model, train(model, run=run), uninterrupted)
        assert without_seconds(run.read_log()) == without_seconds(uninterrupted[1])

    def test_stops_at_shares_of_all_updates_and_goes_on(self, model, run, uninterrupted):
        """The step rate falls along a cosine of the whole course, of 36 updates, whatever is stopped."""
        for share, n_done in ((0.001, 1), (1 / 16, 2), (0.5, 18), (0.5, 18), (0.25, 18)):
            initialize(model)
            history = train(model, run=run, until=share)
            arrays, attributes = run.read_checkpoint(model.parameters)
            assert attributes["state"]["update"] == n_done and not is_finished(run)
            np.testing.assert_array_equal(model.parameters.data, arrays["parameters"])
            assert without_seconds(history.entries) == without_seconds(uninterrupted[1][: n_done // 12])
            assert progress_of(run) == (n_done, 36, attributes["state"]["seconds"])
        initialize(model)
        assert_same_training(model, train(model, run=run), uninterrupted)
        assert progress_of(run)[:2] == (36, 36)

    @pytest.mark.parametrize("until", [0, -0.5, 1.5, float("nan")])
    def test_rejects_to_stop_elsewhere(self, model, until):
        with pytest.raises(ValueError, match=r"until must be in \(0, 1\], got"):
            fit(model, TRAIN, VALID, SETTINGS, np.random.default_rng(0), distance(model), until=until)

    def test_of_a_run_that_another_process_trains(self, tmp_path, model):
        run = Run.create(tmp_path / "run", {"seed": 3})
        holder = (
            "import sys; from filelock import FileLock\nwith FileLock(sys.argv[1]): print(); sys.stdin.read()"
        )
        command = [sys.executable, "-c", holder, str(run.folder / ".writer")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            with pytest.raises(ValueError, match="is in use by another process: wait until it ends"):
                train(model, run=run)
            process.communicate()
        train(model, run=run)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
    def test_goes_on_after_an_error_at_any_update(self, model, run, uninterrupted, monkeypatch, error):
        """Raises in the middle of a step, when half of it is done, at several updates of one training."""
        compiled, n_calls = model.function(None, None), 0

        def interrupted(*inputs):
            nonlocal n_calls
            n_calls += 1
            if n_calls in (1, 2, 9, 10, 20):
                raise error
            return compiled(*inputs)

        monkeypatch.setattr(model, "function", lambda inputs, outputs: interrupted)
        for _ in range(5):
            with pytest.raises(error):
                train(model, run=run)
            state = run.read_checkpoint(model.parameters)[0]["parameters"]
            np.testing.assert_array_equal(model.parameters.data, state)
            model.parameters.data[...] = 0.0  # the checkpoint is what counts
        assert_same_training(model, train(model, run=run), uninterrupted)

    def test_stops_at_the_update_after_an_interrupt(self, model, run, uninterrupted, monkeypatch):
        monkeypatch.setattr(interrupts, "GRACE", 60.0)
        calls = []

        def validate(chunks):
            calls.append(len(chunks))
            os.kill(os.getpid(), signal.SIGINT)
            return distance(model)(chunks)

        initialize(model)
        with pytest.raises(KeyboardInterrupt):
            train(model, run=run, validate=validate)
        assert len(calls) == 1
        assert_same_training(model, train(model, run=run), uninterrupted)

    def test_warns_on_another_number_of_cores(self, model, run, monkeypatch):
        initialize(model)
        train(model, run=run, until=0.5)
        monkeypatch.setattr(course, "n_cores", lambda: 1000)
        with pytest.warns(
            UserWarning, match="was started on .* cores, and there are 1000 here: .* last digits"
        ):
            train(model, run=run)

    def test_goes_on_after_an_error_in_a_validation(self, model, run, uninterrupted):
        for n_good in (0, 0, 1):
            scores = iter([distance(model)] * n_good)
            with pytest.raises(StopIteration):
                train(model, run=run, validate=lambda chunks, scores=scores: next(scores)(chunks))
        assert_same_training(model, train(model, run=run), uninterrupted)

    @pytest.mark.parametrize("n_kept", range(1, 12, 2))
    def test_goes_on_from_any_checkpoint(self, model, run, uninterrupted, monkeypatch, n_kept):
        """Nothing is saved after some checkpoint, as if the process was killed later; the log got further."""
        monkeypatch.setattr(course, "CHECKPOINT_SECONDS", 0)
        write, n_written = Run.write_checkpoint, 0

        def write_some(*arguments):
            nonlocal n_written
            n_written += 1
            if n_written <= n_kept:
                write(*arguments)

        monkeypatch.setattr(Run, "write_checkpoint", write_some)
        train(model, run=run)
        monkeypatch.setattr(Run, "write_checkpoint", write)
        assert len(run.read_log()) == 3
        model.parameters.data[...] = 0.0
        assert_same_training(model, train(model, run=Run(run.folder)), uninterrupted)
        assert without_seconds(run.read_log()) == without_seconds(uninterrupted[1])

    def test_finished_run_returns_at_once(self, model, run, uninterrupted, monkeypatch):
        train(model, run=run)
        path = run.folder / "checkpoint.h5"
        before = path.stat().st_mtime_ns, path.read_bytes()
        model.parameters.data[...] = 0.0
        monkeypatch.setattr(model, "function", None)
        assert_same_training(model, train(model, run=run, validate=pytest.fail), uninterrupted)
        assert (path.stat().st_mtime_ns, path.read_bytes()) == before

    def test_half_written_checkpoint_is_ignored(self, model, run, uninterrupted):
        (run.folder / ".checkpoint.h5.part").write_bytes(b"half")
        assert_same_training(model, train(model, run=run), uninterrupted)
        assert not (run.folder / ".checkpoint.h5.part").exists()

    @pytest.mark.parametrize(
        "changes, data, message",
        [
            ({"step_rate": 0.5}, TRAIN, "step_rate must be 0.003 as it was in .*run, got 0.5"),
            ({}, TRAIN[1:], "n_chunks must be"),
            ({}, [TRAIN[0][1:], *TRAIN[1:]], "n_train_steps must be"),
        ],
    )
    def test_rejects_other_settings_and_data(self, model, run, changes, data, message):
        train(model, run=run)
        settings = TrainingSettings(**{**vars(SETTINGS), **changes})
        with pytest.raises(ValueError, match=message):
            train(model, settings, run=run, data=data)

    def test_rejects_another_model(self, model, run):
        train(model, run=run)
        with pytest.raises(
            ValueError, match=r"another model: 'weights' is \(2, 2\) in the file and \(3, 3\) in the model"
        ):
            train(Linear(3), run=run)

    def test_rejects_a_truncated_checkpoint(self, model, run):
        train(model, run=run)
        path = run.folder / "checkpoint.h5"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ValueError, match=r"^.*checkpoint.h5 must be a checkpoint, but it is not: .*$"):
            train(model, run=run)


class TestLoadParameters:
    def test_loads_the_best(self, model, tmp_path):
        run, scores = Run.create(tmp_path / "run", {}), iter([1.0, 2.0])
        settings = TrainingSettings(n_epochs=2)
        train(model, settings, run, validate=lambda _: next(scores))
        other = Linear()
        load_parameters(run, other)
        np.testing.assert_array_equal(other.parameters.data, model.parameters.data)
        arrays, _ = run.read_checkpoint(model.parameters)
        assert not np.array_equal(arrays["parameters"], arrays["best_parameters"])

    def test_needs_a_checkpoint_that_is_validated(self, model, tmp_path):
        run = Run.create(tmp_path / "run", {})
        with pytest.raises(ValueError, match="there is no checkpoint.h5 in .*run: give the folder of a run"):
            load_parameters(run, model)
        with pytest.raises(ZeroDivisionError):
            train(model, run=run, validate=lambda _: 1 / 0)
        with pytest.raises(ValueError, match="run must have been validated, got .*run"):
            load_parameters(run, model)


class TestIsFinished:
    def test_from_the_beginning_to_the_end(self, model, tmp_path):
        run, settings = Run.create(tmp_path / "run", {}), TrainingSettings(n_epochs=2)
        assert not is_finished(run)
        scores = iter([1.0])
        with pytest.raises(StopIteration):
            train(model, settings, run, validate=lambda _: next(scores))
        assert not is_finished(run)
        train(model, settings, run)
        assert is_finished(run)

    def test_a_checkpoint_of_something_else(self, model, tmp_path):
        run = Run.create(tmp_path / "run", {})
        run.write_checkpoint(model.parameters, {"single": np.ones(1)}, {})
        assert not is_finished(run)


LONG = TrainingSettings(n_epochs=150, batch_size=3, chunk_length=6, annealing_updates=300, validate_every=3)


class TestProcesses:
    """Training in a process of its own, which is killed."""

    @pytest.fixture
    def start(self, tmp_path):
        started = []

        def start(pause):
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
            command = [sys.executable, "-W", "error", __file__, str(tmp_path / "run"), str(pause)]
            started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
            return started[-1]

        yield start
        for process in started:
            process.kill()
            process.communicate()

    def wait_for_updates(self, process, folder):
        """Until the process has written a checkpoint that is not the first of all, before any update."""
        path = folder / "checkpoint.h5"

        def modified():
            return path.stat().st_mtime_ns if path.exists() else 0

        seen, deadline = {modified()}, time.monotonic() + 60
        while len(seen) < 3 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
            seen.add(modified())

    def kill(self, start, folder, n_kills, pause):
        moments = random.Random(0)
        for _ in range(n_kills):
            process = start(pause)
            self.wait_for_updates(process, folder)
            time.sleep(moments.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL, process.stderr.read()  # it was not finished

    def check_end(self, start, folder, model):
        """A process that is left alone ends as training without any interruption does."""
        final = start(0)
        assert final.wait(120) == 0, final.stderr.read()
        history = train(model, LONG)
        expected = model.parameters.data.copy()
        load_parameters(Run(folder), model)
        np.testing.assert_array_equal(model.parameters.data, expected)
        assert without_seconds(Run(folder).read_log()) == without_seconds(history.entries)

    @pytest.mark.slow
    def test_killed_twice_and_interrupted(self, start, tmp_path, model):
        folder = tmp_path / "run"
        self.kill(start, folder, 2, 0.002)
        process = start(0.002)
        self.wait_for_updates(process, folder)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # as Ctrl-C does: it saves and ends
        _, errors = process.communicate(timeout=60)
        assert process.returncode not in (0, -signal.SIGKILL)
        assert "KeyboardInterrupt" in errors
        _, attributes = Run(folder).read_checkpoint(model.parameters)
        assert 0 < attributes["state"]["update"]
        assert not attributes["state"]["finished"]
        self.check_end(start, folder, model)

    @pytest.mark.slow
    def test_killed_ten_times(self, start, tmp_path, model):
        self.kill(start, tmp_path / "run", 10, 0.006)
        self.check_end(start, tmp_path / "run", model)


def train_in_this_process(folder, pause):
    """Train slowly, so that there is time for an interruption."""
    # A shell's background job, and all that it starts, would ignore the interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    course.CHECKPOINT_SECONDS = 0.02
    model = Linear(pause=pause)
    initialize(model)
    run = Run(folder) if folder.exists() else Run.create(folder, {"seed": 3})
    train(model, LONG, run)


if __name__ == "__main__":
    train_in_this_process(Path(sys.argv[1]), float(sys.argv[2]))
