"""Everything that training needs to continue as if it had never stopped."""

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, get_args, get_type_hints

import numpy as np

from breze_like.runs.records import COUNT, NUMBER, OBJECT, check
from breze_like.training.optimization import GuardedRmsProp


class Checkpointed:
    """A dataclass that a run's checkpoint keeps; None stands for what is not there yet.

    Attributes
    ----------
    arrays : tuple of str
        Names of the fields that are arrays.
    """

    arrays: ClassVar[tuple]

    @classmethod
    def read(cls, run, parameters, setup):
        """The state in a run's checkpoint.

        Parameters
        ----------
        run : Run
        parameters : ParameterSet
        setup : dict
            What must be as it was when the checkpoint was written, but that there may be more ``"n_epochs"``,
            see `check_setup`.

        Raises
        ------
        ValueError
            If the checkpoint is damaged, or of another model or setup.
        """
        arrays, attributes = run.read_checkpoint(parameters)
        names = {field.name for field in fields(cls)}
        kept = attributes.get("state")
        given = {*arrays, *kept} if isinstance(kept, dict) else set()
        if set(attributes) != {"state", "setup"} or given != names:
            raise ValueError(
                f"the checkpoint in {run.folder} is from another kind of training: choose another folder"
            )
        _check_state(cls, arrays, attributes["state"], parameters.size, run)
        goes_on = check_setup(attributes, setup, run.folder)
        values = {name: dict(v) if isinstance(v, dict) else v for name, v in kept.items()}
        values["finished"] = values["finished"] and not goes_on
        return cls(**arrays, **values)

    def write(self, run, parameters, setup):
        """Make this a run's checkpoint; the reverse of `read`."""
        given = {name: getattr(self, name) for name in self.arrays}
        arrays = {name: np.asarray(value) for name, value in given.items() if value is not None}
        rest = {name: value for name, value in vars(self).items() if name not in arrays}
        run.write_checkpoint(parameters, arrays, {"state": rest, "setup": setup})


def check_setup(attributes, setup, folder):
    """Whether training continues beyond the epochs that it was started with; all else must be as it was.

    Parameters
    ----------
    attributes : dict
        Of a checkpoint.
    setup : dict
        What is given now.
    folder : path-like
        Of the run.

    Raises
    ------
    ValueError
        If something else differs, which is named; or if there are more epochs, but the schedule of the step
        rate depends on their number, or training ended for lack of improvement.
    """
    before = attributes.get("setup") if isinstance(attributes.get("setup"), dict) else {}
    state = attributes.get("state") if isinstance(attributes.get("state"), dict) else {}
    differ = [name for name, value in setup.items() if before.get(name) != value]
    n_before = before.get("n_epochs")
    if differ != ["n_epochs"] or not isinstance(n_before, int) or setup["n_epochs"] < n_before:
        if differ:
            wanted = "; ".join(f"{name} must be {before.get(name)!r}" for name in differ)
            got = ", ".join(repr(setup[name]) for name in differ)
            raise ValueError(f"{wanted} as it was in {folder}, got {got}")
        return False
    schedule = before.get("step_rate_schedule", "constant")
    if schedule != "constant":
        raise ValueError(
            f"n_epochs must be {n_before} as it was in {folder}, got {setup['n_epochs']}: its step rate "
            f"follows a schedule over all epochs, {schedule}; train again in another folder"
        )
    waited = state.get("n_without_improvement")
    if state.get("finished") and waited and waited == setup.get("patience"):
        raise ValueError(
            f"n_epochs makes no difference to {folder}, whose training ended after {waited} validations "
            "without improvement: train again in another folder, with more patience"
        )
    return True


def _check_state(kind, arrays, values, n_parameters, run):
    """Raise a ValueError for the first field of a checkpoint that is not what a kind of state has."""

    def is_vector(array):
        return array.shape == (n_parameters,) and array.dtype.kind == "f" and np.isfinite(array).all()

    for name, array in arrays.items():
        is_order = array.ndim == 2 and array.dtype.kind in "iu" and array.size and array.min() >= 0
        if not (is_order if name == "order" else is_vector(array)):
            rule = "integers in two dimensions" if name == "order" else f"{n_parameters} finite numbers"
            raise ValueError(
                f"the checkpoint in {run.folder} is damaged: {name} must be {rule}; restore a copy"
            )
    rules = {int: COUNT, float: NUMBER, dict: OBJECT, bool: ("true or false", lambda v: v in (0, 1))}
    of_fields = {}
    for name, hint in get_type_hints(kind).items():
        kinds = [own for own in get_args(hint) or (hint,) if own in rules]
        if kinds and not (values.get(name, 0) is None and type(None) in get_args(hint)):
            of_fields[name] = rules[kinds[0]]
    check(values, of_fields, f"the checkpoint in {run.folder}")


@dataclass(frozen=True)
class State(Checkpointed):
    """Where training is, between two updates. No array in it is changed later; they may lie on a device.

    Attributes
    ----------
    parameters, moving_mean_squared, step : ndarray, shape (n_parameters,)
        The optimiser's.
    n_iter : int
        Updates that were not skipped.
    rng : dict
        State of the random numbers.
    order : ndarray of int, shape (n_batches, batch_size), or None
        The chunks of the current epoch's minibatches; None before the first one.
    update : int
        All updates so far.
    n_skipped, n_skipped_in_a_row : int
    n_summed : int
        Updates since the last validation that were not skipped.
    loss_sum, gradient_norm_sum : float
        Sums over these.
    n_validations : int
        Also the number of entries in the log.
    n_without_improvement : int
        Validations since the best one, as far as they count.
    best_parameters, best_score, best_epoch : ndarray, float, int, or None
        None until there is a validation score that is finite.
    seconds : float
        Time spent; of a member of a population, its share. Nothing depends on it.
    finished : bool
    """

    arrays: ClassVar = ("parameters", "moving_mean_squared", "step", "order", "best_parameters")

    parameters: np.ndarray
    moving_mean_squared: np.ndarray
    step: np.ndarray
    n_iter: int
    rng: dict
    order: np.ndarray | None = None
    update: int = 0
    n_skipped: int = 0
    n_skipped_in_a_row: int = 0
    n_summed: int = 0
    loss_sum: float = 0.0
    gradient_norm_sum: float = 0.0
    n_validations: int = 0
    n_without_improvement: int = 0
    best_parameters: np.ndarray | None = None
    best_score: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    finished: bool = False

    @classmethod
    def initial(cls, parameters, rng):
        """The state before the first update of a flat vector."""
        return cls(**GuardedRmsProp.initial_state(parameters), rng=rng.bit_generator.state)

    def mean(self, total):
        """Mean of a sum since the last validation, None if it is over nothing."""
        return total / self.n_summed if self.n_summed else None

    def stepped(self, outcome, **changes):
        """The state after an update with this `StepOutcome`, which also changed what is given by name."""
        kept = not outcome.skipped
        return replace(
            self,
            update=self.update + 1,
            n_skipped=self.n_skipped + outcome.skipped,
            n_skipped_in_a_row=0 if kept else self.n_skipped_in_a_row + 1,
            n_summed=self.n_summed + kept,
            loss_sum=self.loss_sum + (outcome.loss if kept else 0.0),
            gradient_norm_sum=self.gradient_norm_sum + (outcome.gradient_norm if kept else 0.0),
            **changes,
        )

    def validated(self, score, epoch, settings):
        """The state after a validation."""
        improved = math.isfinite(score) and (self.best_score is None or score < self.best_score)
        waits = not improved and settings.kl_weight(self.update) == 1
        n_without_improvement = self.n_without_improvement + 1 if waits else 0
        best = {"best_parameters": self.parameters, "best_score": score, "best_epoch": epoch}
        return replace(
            self,
            n_summed=0,
            loss_sum=0.0,
            gradient_norm_sum=0.0,
            n_validations=self.n_validations + 1,
            n_without_improvement=n_without_improvement,
            finished=epoch == settings.n_epochs or n_without_improvement == settings.patience,
            **(best if improved else {}),
        )
