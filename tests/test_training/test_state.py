import math
from dataclasses import replace

import numpy as np
import pytest

from breze_like.parameters import ParameterSet
from breze_like.runs import Run
from breze_like.training import TrainingSettings
from breze_like.training.optimization import StepOutcome
from breze_like.training.state import State


@pytest.fixture
def parameters():
    declared = ParameterSet()
    declared.declare("weights", (2, 3))
    return declared


@pytest.fixture
def state(parameters, rng):
    rng.standard_normal(3)
    return State.initial(parameters.data, rng)


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", {})


def assert_equal(state, other):
    for name, value in vars(state).items():
        np.testing.assert_array_equal(getattr(other, name), value)
        assert type(getattr(other, name)) is type(value)


def test_write_and_read_are_inverse(state, parameters, run, rng):
    assert_equal(state, (state.write(run, parameters, {"a": 1}), State.read(run, parameters, {"a": 1}))[1])
    moved = replace(state, order=np.arange(4).reshape(2, 2), parameters=rng.standard_normal(6), loss_sum=0.1)
    moved = moved.validated(0.3, 1, TrainingSettings())
    moved.write(run, parameters, {"a": 1})
    assert_equal(moved, State.read(run, parameters, {"a": 1}))


@pytest.mark.parametrize("n_draws", [0, 1000])
def test_random_numbers_go_on(state, parameters, run, rng, n_draws):
    rng.standard_normal(n_draws)
    replace(state, rng=rng.bit_generator.state).write(run, parameters, {})
    expected, other = rng.standard_normal(5), np.random.default_rng(1)
    other.bit_generator.state = State.read(run, parameters, {}).rng
    np.testing.assert_array_equal(other.standard_normal(5), expected)


def test_setup_must_be_the_same(state, parameters, run):
    state.write(run, parameters, {"step_rate": 0.1, "n_chunks": 3})
    State.read(run, parameters, {"step_rate": 0.1, "n_chunks": 3})
    with pytest.raises(ValueError, match=r"^step_rate must be 0.1 as it was in .*run, got 0.2$"):
        State.read(run, parameters, {"step_rate": 0.2, "n_chunks": 3})


def test_more_epochs_go_on_unless_training_ended_for_want_of_improvement(state, parameters, run):
    setup = {"n_epochs": 2, "patience": 1}
    replace(state, finished=True).write(run, parameters, setup)
    assert State.read(run, parameters, setup).finished
    assert not State.read(run, parameters, setup | {"n_epochs": 3}).finished
    with pytest.raises(ValueError, match=r"^n_epochs must be 2; patience must be 1 as it was .*got 3, None$"):
        State.read(run, parameters, {"n_epochs": 3, "patience": None})
    replace(state, finished=True, n_without_improvement=1).write(run, parameters, setup)
    with pytest.raises(ValueError, match="ended after 1 validations without improvement: train again"):
        State.read(run, parameters, setup | {"n_epochs": 3})


def test_rejects_a_checkpoint_of_something_else(parameters, run):
    run.write_checkpoint(parameters, {"parameters": np.ones(6)}, {"state": {}, "setup": {}})
    with pytest.raises(ValueError, match="is from another kind of training: choose another folder"):
        State.read(run, parameters, {})


def test_stepped_sums_and_counts(state):
    state = state.stepped(StepOutcome(1.0, 10.0, False), n_iter=7)
    state = state.stepped(StepOutcome(math.nan, math.inf, True))
    assert (state.n_skipped, state.n_skipped_in_a_row) == (1, 1)
    state = state.stepped(StepOutcome(math.nan, math.inf, True))
    assert (state.n_skipped, state.n_skipped_in_a_row) == (2, 2)
    state = state.stepped(StepOutcome(2.0, 20.0, False))
    assert (state.n_skipped, state.n_skipped_in_a_row) == (2, 0)
    assert (state.update, state.n_iter) == (4, 7)
    assert (state.mean(state.loss_sum), state.mean(state.gradient_norm_sum)) == (1.5, 15.0)
    assert state.validated(0.0, 1, TrainingSettings()).mean(1.0) is None


def scored(state, scores, settings):
    """The states after validations with these scores, as long as training lasts."""
    for epoch, score in enumerate(scores, 1):
        parameters = np.full(6, float(epoch))
        state = replace(state, update=epoch, parameters=parameters).validated(score, epoch, settings)
        yield state
        if state.finished:
            return


def test_best_parameters_are_kept(state):
    *_, last = scored(state, [3.0, 1.0, math.nan, 1.0, 2.0, -math.inf], TrainingSettings(n_epochs=9))
    assert (last.best_score, last.best_epoch, last.n_validations) == (1.0, 2, 6)
    np.testing.assert_array_equal(last.best_parameters, 2.0)
    assert not last.finished


def test_ends_with_the_last_epoch(state):
    *_, last = scored(state, [3.0, 2.0, 1.0, 0.0], TrainingSettings(n_epochs=3))
    assert last.finished
    assert last.best_epoch == 3


def test_patience_counts_validations_since_the_best(state):
    *_, last = scored(state, [3.0, 4.0, 2.0, 2.0, math.nan, 2.5, 1.0], TrainingSettings(patience=3))
    assert last.finished
    assert (last.n_validations, last.best_epoch) == (6, 3)


def test_patience_does_not_count_while_the_weight_rises(state):
    settings = TrainingSettings(patience=2, annealing_updates=5)
    *_, last = scored(state, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], settings)
    assert last.finished
    assert (last.n_validations, last.best_epoch) == (6, 1)
