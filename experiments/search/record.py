"""A search as one small file, which outlives the machine, and from which the search can continue elsewhere.

The file is JSON. It has the attributes of the study and, for each configuration that has reached a rung or
ended, its hyper-parameters, its score at each rung, the last one at its end, and how long that took. Runs are
not in it. Known configurations are not trained again, except to continue from a rung: without a checkpoint,
they then start over.
"""

import json
import warnings
from contextlib import suppress
from pathlib import Path

from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import TrialState, create_trial

from breze_like.files import replacing
from experiments.search.internals import set_state
from experiments.search.queue import run_name
from experiments.search.studies import (
    FIXED,
    attempts,
    differing,
    folder_lock,
    outcomes,
    shares_of,
    that_counts,
)

RECORD_FORMAT = "breze_like search 1"

# Optuna's, which look at the validations of other trials.
NEED_VALIDATIONS = ("median", "hyperband")


class Record:
    """The file of a search.

    Parameters
    ----------
    path : str or path-like
        Its folder is made if it is not there.
    plan : Plan
    """

    def __init__(self, path, plan):
        self.path, self._plan = Path(path), plan
        self._written = None

    def write(self, study):
        """Write the content of the study, whole or not at all, if there is anything new."""
        content = text_of(study)
        if content != self._written:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as stream:
                stream.write(content.encode())
            self._written = content

    def read_into(self, study):
        """Add the content of the file to the study, if there is a file.

        Where both know something, what the study knows holds.

        Raises
        ------
        ValueError
            If it is no such file, or of another search.
        """
        if not self.path.exists():
            return
        try:
            entries = self._entries(json.loads(self.path.read_bytes()), study)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"--record must be the file of a search, {self.path} is not one: {error}; choose another"
            ) from None
        with folder_lock(self._plan.folder), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            there, by_number = attempts(study), {outcome.number: outcome for outcome in outcomes(study)}
            for number, ended in entries.items():
                before = by_number.get(number)
                if before and before.state in (TrialState.COMPLETE, TrialState.FAIL):
                    continue
                n_known = before.n_ended if before else 0
                if len(ended) > n_known:
                    _give_up(study, there.get(number, []))
                    for attempt in ended[n_known:]:
                        study.add_trial(attempt)

    def _entries(self, content, study):
        """For each configuration in the file, its attempts that have ended, one for each rung."""
        if content["format"] != RECORD_FORMAT:
            raise TypeError(f"its format is {content['format']!r}, not {RECORD_FORMAT!r}")
        names, own = (*FIXED, "rungs"), study.user_attrs
        known = {name: content["study"][name] for name in names}
        if name := differing(known, own, names):
            raise ValueError(
                f"--record must be of this search, {self.path} is of another one: its {name} is "
                f"{known[name]}, not {own[name]}; choose another"
            )
        found = {}
        for entry in content["configurations"]:
            number, params = entry["number"], entry["params"]
            drawn, _ = self._plan.params(number)
            if drawn and drawn != params:
                raise ValueError(
                    f"--record must have the hyper-parameters that follow from the seed, {self.path} has "
                    f"different ones for configuration {number}: it is from another version"
                )
            found[number] = _attempts(entry, self._plan.space, len(shares_of(study)))
        return found


def text_of(study):
    """The content of a study's file, with a line for each configuration."""
    attributes, counting = study.user_attrs, {n: that_counts(tries) for n, tries in attempts(study).items()}
    entries = []
    for outcome in outcomes(study):
        if outcome.n_ended:
            entry = _entry(outcome)
            if attributes["pruner"] in NEED_VALIDATIONS:
                entry["validations"] = counting[outcome.number].intermediate_values
            entries.append(entry)
    lines = [json.dumps(entry, allow_nan=False) for entry in entries]
    head = f'"format": {json.dumps(RECORD_FORMAT)},\n "name": {json.dumps(study.study_name)},\n'
    about = f' "study": {json.dumps(attributes)},\n "configurations": [\n  '
    return f"{{{head}{about}{f',{chr(10)}  '.join(lines)}\n ]\n}}\n"


def _entry(outcome):
    end = {
        TrialState.COMPLETE: {"scores": [*outcome.scores, outcome.value]},
        TrialState.FAIL: {"failed": outcome.reason},
        TrialState.PRUNED: {} if outcome.is_at_rung else {"pruned": outcome.value},
    }
    return {
        "number": outcome.number,
        "params": outcome.params,
        "scores": list(outcome.scores),
        **end.get(outcome.state, {}),
        "share": outcome.share,
        "seconds": outcome.seconds,
    }


def _attempts(entry, space, n_rungs):
    """From an entry, an attempt for each rung that it has passed."""
    distributions = {name: CategoricalDistribution(space[name]) for name in entry["params"]}
    validations = {int(number): score for number, score in entry.get("validations", {}).items()}

    def made(rung, state, value=None, **more):
        attributes = {"configuration": entry["number"], "run": run_name(entry["number"]), "rung": rung}
        return create_trial(
            state=state,
            value=value,
            params=entry["params"],
            distributions=distributions,
            user_attrs={**attributes, "share": entry["share"], "seconds": entry["seconds"], **more},
            intermediate_values=validations,
        )

    scores = entry["scores"]
    found = [made(rung, TrialState.PRUNED, score=score) for rung, score in enumerate(scores[: n_rungs - 1])]
    if len(scores) == n_rungs:
        found.append(made(n_rungs - 1, TrialState.COMPLETE, scores[-1]))
    if "failed" in entry:
        found.append(made(len(scores), TrialState.FAIL, reason=entry["failed"]))
    if "pruned" in entry:
        found.append(made(len(scores), TrialState.PRUNED, entry["pruned"]))
    return found


def _give_up(study, tries):
    """Fail what waits or runs: its result is already known."""
    for attempt in tries:
        if not attempt.state.is_finished():
            with suppress(UpdateFinishedTrialError):
                set_state(study, attempt, TrialState.FAIL)
