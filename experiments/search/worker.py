"""A worker of a search: it trains one configuration after the other, from rung to rung, to the end."""

import math
import time
import warnings
from contextlib import suppress

from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.trial import TrialState

from breze_like.estimators import validation_score
from breze_like.runs import Run
from breze_like.training import TrainingDiverged, TrainingSettings, progress_of
from experiments.paper.experiment import NO_SCORE, train, validation_chunks
from experiments.paper.scoring import score
from experiments.search import queue, studies
from experiments.search.configuration import configure
from experiments.search.internals import signs_of_life
from experiments.search.plan import make_sampler
from experiments.search.storage import explained

# Seconds between looks at a study in which there is nothing to do at present.
POLL_SECONDS = 1

# A configuration that was begun so often, and never ended, kills its processes.
MOST_ATTEMPTS = 100


def work(plan):
    """Work on configurations of a plan until all of them have ended, including those of other workers."""
    dataset = plan.load_data()
    with explained(plan.place):
        # Who started this process has found the storage.
        study = plan.open(dataset, patient=True)
        while True:
            plan.replenish(study)
            if plan.is_done(study):
                return
            claimed = queue.claim(study, plan.folder, plan.n_trials)
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
    attributes = trial.user_attrs
    with signs_of_life(study, trial):
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
            ended = {"reason" if "error" in attributes else "error": reason}
        except BaseException as error:
            with suppress(Exception):
                study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            if isinstance(error, OSError | ValueError):
                kind = OSError if isinstance(error, OSError) else ValueError
                raise kind(f"{plan.folder / attributes['run']}: {error}") from error
            raise
        with suppress(UpdateFinishedTrialError):
            for name, value in _progress(plan, trial).items():
                trial.set_user_attr(name, value)
            for name in ("reason", "error"):
                if name in ended:
                    ended["state"] = TrialState.FAIL
                    trial.set_user_attr(name, " ".join(ended.pop(name).split())[:500])
            if "score" in ended:
                trial.set_user_attr("score", ended.pop("score"))
            study.tell(trial, **ended, skip_if_finished=True)


def _run(plan, dataset, study, trial):
    """Train a configuration, or continue it, to a rung or to its end; returns the outcome of the attempt.

    ``"score"``, the one at a rung, is not a value for Optuna: it can't be compared with one at the end.
    """
    number, rung = trial.user_attrs["configuration"], studies.rung_of(trial)
    tries = [attempt for attempt in studies.attempts(study)[number] if studies.rung_of(attempt) == rung]
    if len(tries) > MOST_ATTEMPTS:
        raise TrainingDiverged(f"started {MOST_ATTEMPTS} times and never ended: its process dies each time")
    study.sampler = make_sampler(plan, number)
    params = {name: trial.suggest_categorical(name, choices) for name, choices in plan.space.items()}
    usual, share = plan.config(dataset), studies.shares_of(study)[rung]
    config = configure(usual, params, plan.seed, number)

    def watch(value):
        if math.isfinite(value):
            with warnings.catch_warnings():
                # A validation that was reported, but not logged when its process died, comes again.
                warnings.simplefilter("ignore", UserWarning)
                trial.report(value, len(_log(plan, trial)) + 1)
            if trial.should_prune():
                raise TrialPruned

    folder = plan.folder / trial.user_attrs["run"]
    run, model = train(config, dataset, folder, resume=True, progress=False, watch=watch, until=share)
    if share < 1:
        score_there = rung_score(model, validation_chunks(dataset, config), usual, progress_of(run))
        return {"state": TrialState.PRUNED, "score": score_there}
    values = [entry["valid_score"] for entry in run.read_log() if entry["valid_score"] is not None]
    if not values:
        raise TrainingDiverged(NO_SCORE)
    if "kl" in plan.space:  # objectives of different divergences don't compare, bounds do
        bound = score(model, validation_chunks(dataset, config), n_samples=0)["bound"]
        return {"values": bound["per_step"]}
    return {"values": min(values)}


def rung_score(model, chunks, usual, progress):
    """The score by which configurations are compared at a rung: the training objective, nats per time step.

    The weight of its divergence is the one that the system has there, the same for all configurations. With
    1, which is what validations have, a model that has given up its latents would look better than one that
    still pays too much for them. The parameters are the last ones.

    Parameters
    ----------
    model : Model
    chunks : list of ndarray
        Of the validation set.
    usual : dict
        The system's configuration, before hyper-parameters are drawn.
    progress : Progress

    Raises
    ------
    TrainingDiverged
        If it is not finite.
    """
    settings = TrainingSettings(**usual["training"])
    found = validation_score(model, chunks, settings.n_draws, settings.kl_weight(progress.update))
    if not math.isfinite(found):
        raise TrainingDiverged(f"the validation score after {progress.update} updates was not finite")
    return found


def _log(plan, trial):
    """What is logged of the run of a trial."""
    run = _run_of(plan, trial)
    return run.read_log() if run else []


def _progress(plan, trial):
    """How far its training has come: the share of its updates, and the seconds that it took."""
    run = _run_of(plan, trial)
    if run is None or not run.has_checkpoint:
        return {"share": 0.0, "seconds": 0.0}
    done = progress_of(run)
    return {"share": done.update / done.n_updates, "seconds": round(done.seconds, 2)}


def _run_of(plan, trial):
    """The run of a trial, None if it has not been started."""
    folder = plan.folder / trial.user_attrs["run"]
    return Run(folder) if (folder / "config.json").is_file() else None
