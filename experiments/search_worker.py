"""Working on a search: a plan of what is searched, and one configuration after the other, to the end."""

import math
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.trial import TrialState

from breze_like import __version__, data
from breze_like.runs import Run
from breze_like.training import TrainingDiverged, TrainingSettings
from experiments import search, table1
from experiments.experiment import score, train, validation_chunks
from experiments.search_configuration import configure, follow
from experiments.search_space import draw
from experiments.search_storage import default_place, explained
from experiments.systems import SYSTEMS

# Seconds between looks at a study in which there is nothing to do at present.
POLL_SECONDS = 1

# A configuration that was begun so often, and never ended, kills its processes.
MOST_ATTEMPTS = 100

SAMPLERS = ("random", "tpe")
PRUNERS = ("none", "median", "hyperband")

# The median pruner looks at trials from this part of their validations on: before, the weight of the
# divergence rises.
WARM_UP = 1 / 3


@dataclass(frozen=True)
class Plan:
    """What is searched, and where; the same for all who work on it.

    Parameters
    ----------
    given : str
        The data set, as it is loaded.
    data_dir : str or None
    system : str
        A key of `SYSTEMS`.
    base : str
        The space whose procedure is followed, one of `SPACES`.
    space : dict
        See `make_space`.
    seed : int
    budget : float
        Factor of the system's number of updates.
    backend : str
    sampler, pruner : str
        Of `SAMPLERS` and `PRUNERS`.
    n_trials : int
    folder : Path
    storage : str or None
        See `search_storage`.
    study : str
        Its name.
    heartbeat : int
        Seconds.
    """

    given: str
    data_dir: str | None
    system: str
    base: str
    space: dict
    seed: int
    budget: float
    backend: str
    sampler: str
    pruner: str
    n_trials: int
    folder: Path
    storage: str | None
    study: str
    heartbeat: int

    @property
    def place(self):
        """Where the study is kept."""
        return self.storage or default_place(self.folder)

    def load_data(self):
        """The data set."""
        return data.load(self.given, self.data_dir)

    def config(self, dataset):
        """The system's configuration, before hyper-parameters are drawn."""
        return follow(self.base, table1.make_config(SYSTEMS[self.system], dataset, self.given, self))

    def open(self, dataset, patient=False):
        """The study; see `search.open_study`."""
        about = {
            "dataset": dataset.name,
            "digests": dataset.digests,
            "model": self.system,
            "procedure": self.base,
            "space": self.space,
            "seed": self.seed,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "budget": self.budget,
            "version": __version__,
        }
        sampler, pruner = make_sampler(self, 0), make_pruner(self.pruner, self.config(dataset))
        return search.open_study(
            self.folder, self.storage, self.study, about, self.heartbeat, sampler, pruner, patient
        )

    def replenish(self, study):
        """Enqueue what is not in the study yet, and what was left unfinished."""
        search.fail_dead(study, self.folder, self.place)
        search.replenish(study, self.folder, self.n_trials, self._params)

    def is_done(self, study):
        """Whether all configurations have ended."""
        ended = {outcome.number for outcome in search.outcomes(study) if outcome.state.is_finished()}
        return ended.issuperset(range(self.n_trials))

    def _params(self, number):
        if self.sampler != "random":
            return {}, {}
        distributions = {name: CategoricalDistribution(choices) for name, choices in self.space.items()}
        return draw(self.space, self.seed, number), distributions


def make_sampler(plan, number):
    """The sampler that chooses hyper-parameters of a configuration, if they are not drawn already.

    What TPE proposes depends on all trials that have ended, and beyond that on seed and number alone.
    """
    if plan.sampler == "random":
        return optuna.samplers.RandomSampler(seed=plan.seed)
    rng = np.random.default_rng([plan.seed, number])
    return optuna.samplers.TPESampler(seed=int(rng.integers(2**31)))


def make_pruner(name, config):
    """The pruner of a name in `PRUNERS`; its steps are validations, of which each run has as many."""
    settings = TrainingSettings(**config["training"])
    n_validations = settings.n_validations(settings.n_epochs)
    if name == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=math.ceil(WARM_UP * n_validations))
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=n_validations)
    return optuna.pruners.NopPruner()


def work(plan):
    """Take configurations of a plan until all of them have ended, whoever ended them."""
    dataset = plan.load_data()
    with explained(plan.place):
        # Who started this process has found the storage.
        study = plan.open(dataset, patient=True)
        while True:
            plan.replenish(study)
            if plan.is_done(study):
                return
            claimed = search.claim(study, plan.folder, plan.n_trials)
            if claimed is None:
                time.sleep(POLL_SECONDS)
                continue
            trial, lock = claimed
            try:
                attempt(plan, dataset, study, trial)
            finally:
                lock.release()


def attempt(plan, dataset, study, trial):
    """Work on an attempt to its end.

    It stays without one, and is enqueued again, if its process is stopped or something is wrong that is not
    due to its configuration; or if it was failed in the meantime, since its process was taken for dead.
    """
    known = trial.user_attrs
    with get_heartbeat_thread(trial._trial_id, study._storage):
        try:
            ended = _run(plan, dataset, study, trial)
        except TrialPruned:
            ended = {"state": TrialState.PRUNED}
        except UpdateFinishedTrialError:
            return
        except TrainingDiverged as error:
            ended = {"reason": str(error)}
        except (RuntimeError, MemoryError) as error:  # too large for a GPU, for instance; maybe not next time
            reason = f"{type(error).__name__}: {error}"
            ended = {"reason" if "error" in known else "error": reason}
        except BaseException as error:
            with suppress(Exception):
                study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            if isinstance(error, OSError | ValueError):
                kind = OSError if isinstance(error, OSError) else ValueError
                raise kind(f"{plan.folder / known['run']}: {error}") from error
            raise
        with suppress(UpdateFinishedTrialError):
            log = _log(plan, trial)
            trial.set_user_attr("seconds", log[-1]["seconds"] if log else 0.0)
            for name in ("reason", "error"):
                if name in ended:
                    ended["state"] = TrialState.FAIL
                    trial.set_user_attr(name, " ".join(ended.pop(name).split())[:500])
            study.tell(trial, **ended, skip_if_finished=True)


def _run(plan, dataset, study, trial):
    """Train a configuration, or go on with it; its score, as `Study.tell` takes it."""
    number = trial.user_attrs["configuration"]
    if len(search.attempts(study)[number]) > MOST_ATTEMPTS:
        raise TrainingDiverged(f"begun {MOST_ATTEMPTS} times, and never ended: its process dies")
    study.sampler = make_sampler(plan, number)
    params = {name: trial.suggest_categorical(name, choices) for name, choices in plan.space.items()}
    config = configure(plan.config(dataset), params, plan.seed, number)

    def watch(value):
        if math.isfinite(value):
            with warnings.catch_warnings():
                # A validation that was reported, but not logged when its process died, comes again.
                warnings.simplefilter("ignore", UserWarning)
                trial.report(value, len(_log(plan, trial)) + 1)
            if trial.should_prune():
                raise TrialPruned

    folder = plan.folder / trial.user_attrs["run"]
    run, model = train(config, dataset, folder, resume=True, progress=False, watch=watch)
    values = [entry["valid_score"] for entry in run.read_log() if entry["valid_score"] is not None]
    if not values:
        raise TrainingDiverged("no validation score was finite")
    if "kl" in plan.space:  # objectives of different divergences don't compare, bounds do
        bound = score(model, validation_chunks(dataset, config), n_samples=0)["bound"]
        return {"values": bound["per_step"]}
    return {"values": min(values)}


def _log(plan, trial):
    """What is logged of the run of a trial."""
    folder = plan.folder / trial.user_attrs["run"]
    return Run(folder).read_log() if (folder / "config.json").is_file() else []
