"""A population is trained as its members would be, one by one."""

import sys
from dataclasses import replace

import numpy as np
import pytensor
import pytest

from breze_like import VRAE, FrameNADE, training_objective
from breze_like.runs import Run
from breze_like.training import (
    Member,
    TrainingDiverged,
    TrainingSettings,
    course,
    fit,
    fit_population,
    is_finished,
    load_parameters,
)

pytest.importorskip("jax")

SETTINGS = TrainingSettings(n_epochs=9, batch_size=3, chunk_length=6, max_skipped=2)

# What members of a population may differ in, beside seeds and initial parameters.
CHOICES = [
    {"step_rate": 0.01, "annealing_updates": 12},
    {"step_rate": 0.03, "momentum": 0.5, "decay": 0.8, "step_rate_schedule": "cosine"},
    {"max_gradient_norm": 0.5, "validate_every": 2, "n_epochs": 5},
    {"step_rate": 0.05, "patience": 2, "momentum": 0.0},
]


def sequences(seed, n):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(3, 15), 2)) for _ in range(n)]


TRAIN, VALID = sequences(1, 7), sequences(2, 3)


def make_members(folder=None):
    """New members; the third one's and fourth one's training is shorter than the others'."""
    members = []
    for seed, choices in enumerate(CHOICES):
        rng = np.random.default_rng(seed)
        parameters = np.array([1.0, 0.3, -0.4, 0.8]) + 0.3 * rng.standard_normal(4)
        run = Run.create(folder / str(seed), {"seed": seed}) if folder else None
        members.append(Member(replace(SETTINGS, **choices), rng, parameters, run))
    return members


def train_alone(model, member):
    model.parameters.data[...] = member.parameters
    return fit(model, TRAIN, VALID, member.settings, member.rng, model.distance, progress=False)


def train_together(model, members, validate=None, progress=False):
    return fit_population(model, members, TRAIN, VALID, validate or model.distance, progress)


def without_seconds(entries):
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in entries]


def assert_same_history(actual, expected, rel):
    assert actual.best_epoch == expected.best_epoch
    for entry, other in zip(actual.entries, expected.entries, strict=True):
        assert without_seconds([entry])[0] == pytest.approx(without_seconds([other])[0], rel=rel)


@pytest.mark.parametrize("precision, rel", [("float64", 1e-9), ("float32", 2e-3)])
def test_is_the_same_as_one_by_one(linear, precision, rel):
    with pytensor.config.change_flags(floatX=precision):
        model = linear()
        histories, parameters = [], []
        for member in make_members():
            histories.append(train_alone(model, member))
            parameters.append(model.parameters.data.copy())
        trained = train_together(model, make_members())
    for member, history, expected in zip(trained, histories, parameters, strict=True):
        assert member.diverged is None
        assert member.parameters.dtype == precision
        np.testing.assert_allclose(member.parameters, expected, rtol=rel, atol=rel)
        assert_same_history(member.history, history, rel)
    assert len({len(member.history.entries) for member in trained}) > 1
    best = min(trained, key=lambda member: member.history.best_score)
    np.testing.assert_array_equal(model.parameters.data, best.parameters)


def test_a_member_that_diverges_does_not_stop_the_others(linear, tmp_path):
    model = linear()
    expected = train_together(model, make_members())
    members = make_members(tmp_path)
    members[1] = replace(members[1], settings=replace(members[1].settings, step_rate=1e200))
    trained = train_together(model, members)
    assert trained[1].diverged.startswith("loss or gradient was not finite 3 times in a row, from update 1")
    assert trained[1].history.entries == []
    assert not is_finished(members[1].run)
    for i in (0, 2, 3):
        np.testing.assert_array_equal(trained[i].parameters, expected[i].parameters)
        assert is_finished(members[i].run)
    again = train_together(model, [replace(m, run=Run(m.run.folder)) for m in members])
    assert again[1].diverged == trained[1].diverged
    with pytest.raises(TrainingDiverged, match="3 times in a row"):
        train_alone(model, replace(members[1], rng=np.random.default_rng(1)))


@pytest.mark.parametrize("seconds", [0, 1000])
def test_a_stopped_population_goes_on(linear, tmp_path, monkeypatch, seconds):
    """From checkpoints of the same time, and of different times; and a finished member is left alone."""
    monkeypatch.setattr(course, "CHECKPOINT_SECONDS", seconds)
    model = linear()
    expected = train_together(model, make_members())
    members = make_members(tmp_path)
    for n_good in (5, 0, 14):
        left = iter(range(n_good))

        def validate(chunks, left=left):
            next(left)
            return model.distance(chunks)

        with pytest.raises(StopIteration):
            train_together(model, members, validate)
        members = [replace(m, run=Run(m.run.folder)) for m in make_same(members)]
    trained = train_together(model, members)
    for member, other, given in zip(trained, expected, members, strict=True):
        np.testing.assert_array_equal(member.parameters, other.parameters)
        assert without_seconds(given.run.read_log()) == without_seconds(other.history.entries)
        load_parameters(given.run, model)
        np.testing.assert_array_equal(model.parameters.data, other.parameters)
    assert without_seconds(train_together(model, members, pytest.fail)[0].history.entries) == without_seconds(
        trained[0].history.entries
    )


def make_same(members):
    """New members with the runs of others, as another process has them."""
    return [replace(new, run=old.run) for new, old in zip(make_members(), members, strict=True)]


def test_a_member_resumes_alone(linear, tmp_path):
    """Its run is a run like any other."""
    model = linear()
    expected = train_together(model, make_members())
    members = make_members(tmp_path)
    left = iter(range(6))
    with pytest.raises(StopIteration):
        train_together(model, members, lambda chunks: (next(left), model.distance(chunks))[1])
    rng, run = np.random.default_rng(0), Run(members[0].run.folder)
    history = fit(model, TRAIN, VALID, members[0].settings, rng, model.distance, run, progress=False)
    np.testing.assert_allclose(model.parameters.data, expected[0].parameters, rtol=1e-9)
    assert_same_history(history, expected[0].history, 1e-9)


def test_progress_bar(linear, capsys, monkeypatch):
    train_together(linear(), make_members(), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert {line.partition(": epoch")[0] for line in lines} == {f"member {n}" for n in range(4)}
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    train_together(linear(), make_members(), progress=True)
    shown = capsys.readouterr().err
    for text in (" of 4 running", "best ", "0 diverged"):
        assert text in shown


class TestRejects:
    def change(self, i, **changes):
        members = make_members()
        settings = {name: changes.pop(name) for name in tuple(changes) if hasattr(SETTINGS, name)}
        members[i] = replace(members[i], settings=replace(members[i].settings, **settings), **changes)
        return members

    @pytest.mark.parametrize("name", ["batch_size", "chunk_length", "n_draws"])
    def test_other_shapes_of_minibatches(self, linear, name):
        expected = getattr(SETTINGS, name)
        with pytest.raises(
            ValueError, match=f"^{name} must be {expected} for all members, got 7 for member 2"
        ):
            train_together(linear(), self.change(2, **{name: 7}))

    def test_parameters_of_another_model(self, linear):
        with pytest.raises(ValueError, match=r"parameters of member 1 must be \(4,\), got \(3,\)"):
            train_together(linear(), self.change(1, parameters=np.zeros(3)))

    def test_shared_random_numbers(self, linear):
        members = make_members()
        with pytest.raises(ValueError, match="rng must be a different one for each member"):
            train_together(linear(), [members[0], members[0]])

    def test_nobody(self, linear):
        with pytest.raises(ValueError, match="members must hold at least one, got none"):
            train_together(linear(), [])

    def test_what_fit_refuses(self, linear):
        model, members = linear(), make_members()
        with pytest.raises(ValueError, match=r"train\[0\] must be finite, got nan at step 0, feature 1"):
            fit_population(model, members, [np.array([[0.0, np.nan]])], VALID, model.distance)
        with pytest.raises(ValueError, match="validate must be a function of sequences, got 3"):
            fit_population(model, members, TRAIN, VALID, 3)
        of_rolls = FrameNADE(2, 2)
        with pytest.raises(ValueError, match="model must have initial parameters, but all are 0"):
            member = Member(SETTINGS, np.random.default_rng(0), of_rolls.parameters.data.copy())
            fit_population(of_rolls, [member], [np.ones((2, 2), int)], [np.ones((2, 2), int)])

    def test_another_backend(self, linear):
        model = linear()
        model.backend = "cvm"
        with pytest.raises(ValueError, match="must be compiled by 'jax' .*, got backend 'cvm'"):
            train_together(model, make_members())


@pytest.mark.slow
def test_a_population_of_variational_models():
    model = VRAE(3, 2, (4,))
    train, valid = ([(s > 0).astype(np.uint8).repeat(2, 1)[:, :3] for s in data] for data in (TRAIN, VALID))

    def validate(chunks):
        return training_objective(model, chunks, np.random.default_rng(0)).per_step

    def members():
        for seed in range(3):
            rng = np.random.default_rng(seed)
            model.initialize(rng)
            settings = replace(SETTINGS, n_epochs=4, step_rate=0.002 * (seed + 1))
            yield Member(settings, rng, model.parameters.data.copy())

    trained = fit_population(model, list(members()), train, valid, validate, progress=False)
    for member, result in zip(list(members()), trained, strict=True):
        model.parameters.data[...] = member.parameters
        history = fit(model, train, valid, member.settings, member.rng, validate, progress=False)
        np.testing.assert_allclose(result.parameters, model.parameters.data, rtol=1e-8, atol=1e-9)
        assert_same_history(result.history, history, 1e-9)
