"""The study of a search: queue, attempts, outcomes, and the storages that it can lie in."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from experiments.search import queue, studies
from experiments.search import storage as storages
from experiments.search.storage import (
    JournalLock,
    PatientStorage,
    default_place,
    explained,
    lock_at,
    open_storage,
    take,
)

COMPLETE, FAIL, RUNNING, WAITING = (
    TrialState.COMPLETE,
    TrialState.FAIL,
    TrialState.RUNNING,
    TrialState.WAITING,
)
ROOT = Path(__file__).resolve().parents[3]
DISTRIBUTIONS = {"step_rate": CategoricalDistribution([0.1, 0.2, 0.3])}


def params_of(number):
    return {"step_rate": [0.1, 0.2, 0.3][number % 3]}, DISTRIBUTIONS


@pytest.fixture(params=["sqlite", "journal"])
def storage(request, tmp_path):
    """A file in the folder of the study; None for the default."""
    return f"journal:{tmp_path / 'study.journal'}" if request.param == "journal" else None


def opened(folder, storage=None, name="small/rnn", heartbeat=60, **about):
    sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.NopPruner()
    return studies.open_study(folder, storage, name, about, heartbeat, sampler, pruner)


@pytest.fixture
def study(tmp_path, storage):
    """With four configurations."""
    study = opened(tmp_path, storage)
    queue.replenish(study, tmp_path, 4, params_of)
    return study


def states(study):
    return [outcome.state for outcome in studies.outcomes(study)]


class TestQueue:
    def test_each_configuration_is_enqueued_once(self, study, tmp_path):
        queue.replenish(study, tmp_path, 4, params_of)
        assert len(study.trials) == 4
        queue.replenish(study, tmp_path, 6, params_of)
        found = studies.outcomes(study)
        assert [outcome.number for outcome in found] == list(range(6))
        assert [outcome.params for outcome in found] == [params_of(number)[0] for number in range(6)]
        assert found[5] == studies.Outcome(5, {"step_rate": 0.3}, WAITING, None, "trial_0005", None, None)

    def test_claimed_ones_run_and_are_not_claimed_again(self, study, tmp_path):
        locks = []
        for number in range(4):
            trial, lock = queue.claim(study, tmp_path, 4)
            locks.append(lock)
            assert trial.user_attrs["configuration"] == number
            # What is in the queue decides, not the sampler.
            assert (
                trial.suggest_categorical("step_rate", [0.1, 0.2, 0.3]) == params_of(number)[0]["step_rate"]
            )
        assert queue.claim(study, tmp_path, 4) is None
        assert states(study) == 4 * [RUNNING]
        for lock in locks:
            lock.release()

    def test_others_than_the_first_so_many_stay_in_the_queue(self, study, tmp_path):
        assert queue.claim(study, tmp_path, 0) is None
        assert states(study) == 4 * [WAITING]

    def test_the_sampler_chooses_what_is_left_to_it(self, tmp_path):
        study = opened(tmp_path)
        queue.replenish(study, tmp_path, 1, lambda number: ({}, {}))
        trial, lock = queue.claim(study, tmp_path, 1)
        value = trial.suggest_categorical("step_rate", [0.1, 0.2, 0.3])
        lock.release()
        assert studies.outcomes(study)[0].params == {"step_rate": value}

    def test_attempts_that_do_not_count_are_closed(self, study, tmp_path, monkeypatch):
        # As if another process had enqueued the same at the same time.
        monkeypatch.setattr(queue, "attempts", lambda study: {})
        queue.replenish(study, tmp_path, 4, params_of)
        monkeypatch.undo()
        claimed = [queue.claim(study, tmp_path, 4) for _ in range(4)]
        assert [trial.number for trial, _ in claimed] == [0, 1, 2, 3]
        for trial, lock in claimed:
            study.tell(trial, 1.0)
            lock.release()
        assert queue.claim(study, tmp_path, 4) is None
        assert [trial.state for trial in study.trials] == 4 * [COMPLETE] + 4 * [FAIL]
        assert states(study) == 4 * [COMPLETE]

    def test_run_in_whose_folder_another_process_works_is_left_to_it(self, study, tmp_path):
        lock = queue.run_lock(tmp_path, study.trials[0])
        with lock:
            trial, other = queue.claim(study, tmp_path, 4)
        other.release()
        assert trial.number == 1


class TestOutcomes:
    def test_scores_and_reasons(self, study, tmp_path):
        ends = [{"values": 3.5}, {"state": TrialState.PRUNED}, {"state": FAIL}, {"state": FAIL}]
        for number, end in enumerate(ends):
            trial, lock = queue.claim(study, tmp_path, 4)
            trial.report(7.0 + number, 1)
            trial.set_user_attr("seconds", 9.0)
            if number == 3:
                trial.set_user_attr("reason", "diverged")
            study.tell(trial, **end)
            lock.release()
        found = studies.outcomes(study)
        assert [(o.state, o.value, o.seconds, o.reason) for o in found] == [
            (COMPLETE, 3.5, 9.0, None),
            (TrialState.PRUNED, 8.0, 9.0, None),
            (WAITING, None, 9.0, None),
            (FAIL, None, 9.0, "diverged"),
        ]
        assert studies.load_study(tmp_path, study_place(study, tmp_path)).best_value == 3.5

    def test_void_attempt_is_repeated_with_what_it_knew(self, study, tmp_path):
        trial, lock = queue.claim(study, tmp_path, 4)
        trial.report(7.0, 1)
        study.tell(trial, state=FAIL)
        lock.release()
        for _ in range(2):
            queue.replenish(study, tmp_path, 4, params_of)
        assert len(study.trials) == 5
        again = study.trials[4]
        assert (again.state, again.params, again.intermediate_values) == (WAITING, trial.params, {1: 7.0})
        assert studies.outcomes(study)[0].run == "trial_0000"


def study_place(study, folder):
    journal = folder / "study.journal"
    return f"journal:{journal}" if journal.exists() else default_place(folder)


@pytest.fixture
def start(tmp_path):
    """Start a process that runs a piece of code with `folder`, `storage` and `study`."""
    started = []

    def start(code, folder, storage, heartbeat=60):
        lines = f"""
            import time
            from contextlib import nullcontext
            from pathlib import Path
            import optuna
            from optuna.distributions import CategoricalDistribution
            from experiments.search import queue, studies
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            folder, storage = Path({str(folder)!r}), {storage!r}
            sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.NopPruner()
            study = studies.open_study(folder, storage, "small/rnn", {{}}, {heartbeat}, sampler, pruner)
            distributions = {{"step_rate": CategoricalDistribution([0.1, 0.2, 0.3])}}
            def params_of(number):
                return {{"step_rate": [0.1, 0.2, 0.3][number % 3]}}, distributions
        """
        text = textwrap.dedent(lines) + textwrap.dedent(code)
        process = subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


TAKE_ALL = """
    queue.folder_lock = lambda folder: nullcontext()  # as on another machine
    print("ready", flush=True)
    while not (folder / "go").exists():
        pass
    for _ in range(3):
        queue.replenish(study, folder, 12, params_of)
        while claimed := queue.claim(study, folder, 12):
            trial, lock = claimed
            time.sleep(0.002)
            study.tell(trial, float(trial.user_attrs["configuration"]))
            lock.release()
"""


@pytest.mark.slow
def test_processes_at_the_same_time_end_each_configuration_once(start, tmp_path, storage):
    processes = [start(TAKE_ALL, tmp_path, storage) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    for process in processes:
        assert process.wait(60) == 0
    study = studies.load_study(tmp_path, storage)
    found = studies.outcomes(study)
    assert [(o.number, o.state, o.value) for o in found] == [(n, COMPLETE, float(n)) for n in range(12)]
    for tries in studies.attempts(study).values():
        assert [a.state for a in tries].count(COMPLETE) == 1
        assert {a.state for a in tries} <= {COMPLETE, FAIL}


HANG = """
    queue.replenish(study, folder, 1, params_of)
    trial, lock = queue.claim(study, folder, 1)
    print("claimed", flush=True)
    time.sleep(600)
"""


class TestDeadProcesses:
    def test_lock_tells_at_once(self, start, tmp_path, storage):
        process = start(HANG, tmp_path, storage)
        assert process.stdout.readline() == "claimed\n"
        study, place = opened(tmp_path, storage), storage or default_place(tmp_path)
        queue.fail_dead(study, tmp_path, place)
        assert states(study) == [RUNNING]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        queue.fail_dead(study, tmp_path, place)
        assert states(study) == [WAITING]
        queue.replenish(study, tmp_path, 1, params_of)
        trial, lock = queue.claim(study, tmp_path, 1)
        lock.release()
        assert (trial.number, trial.params) == (1, {"step_rate": 0.1})

    @pytest.mark.slow
    def test_missing_signs_of_life_tell_elsewhere(self, start, tmp_path):
        # It is killed before it began to give signs of life.
        storage, other = f"sqlite:///{tmp_path / 'elsewhere.db'}", tmp_path / "other_machine"
        process = start(HANG, tmp_path / "one_machine", storage, heartbeat=1)
        assert process.stdout.readline() == "claimed\n"
        os.kill(process.pid, signal.SIGKILL)
        study = opened(other, storage, heartbeat=1)
        queue.fail_dead(study, other, storage)
        assert states(study) == [RUNNING]
        until = time.monotonic() + 30
        while states(study) == [RUNNING] and time.monotonic() < until:
            time.sleep(0.2)
            queue.fail_dead(study, other, storage)
        # Optuna itself has enqueued it again.
        assert [trial.state for trial in study.trials] == [FAIL, WAITING]
        trial, lock = queue.claim(study, other, 1)
        lock.release()
        assert trial.number == 1


class TestOpenStudy:
    def test_of_something_else(self, tmp_path, storage):
        opened(tmp_path, storage, dataset="chorales", space={"decay": [0.8, 0.9]})
        opened(tmp_path, storage, dataset="chorales", space={"decay": [0.8, 0.9]})
        for about in ({"dataset": "jsb_chorales"}, {"space": {"decay": [0.9]}}):
            with pytest.raises(ValueError, match=f"must have {next(iter(about))} .*, it was made with"):
                opened(tmp_path, storage, **about)

    def test_data_are_known_by_their_digests(self, tmp_path):
        opened(tmp_path, dataset="songs", digests={"train": "1"})
        opened(tmp_path, dataset="songs_of_old", digests={"train": "1"})
        with pytest.raises(ValueError, match="must have dataset .*others.*, it was made with .*songs"):
            opened(tmp_path, dataset="others", digests={"train": "2"})

    @pytest.mark.parametrize("name", ["one?two", "50%", "%41", "{b}", "#1", "a b&c=d", "ü"])
    @pytest.mark.parametrize("absolute", [True, False])
    def test_in_a_folder_of_any_name(self, tmp_path, monkeypatch, name, absolute):
        monkeypatch.chdir(tmp_path)
        folder = tmp_path / name if absolute else Path(name)
        opened(folder, seed=3)
        assert (tmp_path / name / "study.db").is_file() and [p.name for p in tmp_path.iterdir()] == [name]
        assert studies.load_study(folder).user_attrs == {"seed": 3}
        assert storages.file_of(default_place(folder)) == folder / "study.db"

    def test_says_what_it_is_of(self, tmp_path, storage):
        opened(tmp_path, storage, seed=3, space={"decay": (0.8, 0.9)})
        study = studies.load_study(tmp_path, storage)
        assert study.user_attrs == {"seed": 3, "space": {"decay": [0.8, 0.9]}}

    def test_there_is_none(self, tmp_path):
        with pytest.raises(
            ValueError,
            match="there is no search in .*study.db is missing: give the folder of a search, or",
        ):
            studies.load_study(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_there_are_several(self, tmp_path):
        opened(tmp_path, name="one"), opened(tmp_path, name="two")
        assert studies.load_study(tmp_path, name="two").study_name == "two"
        with pytest.raises(ValueError, match=r"--study must be one of those .*'one', 'two'.*, got None"):
            studies.load_study(tmp_path)


# Each with what may be shown of it: a password may be anywhere else.
PLACES = [
    ("postgresql://me:secret@host/name", "postgresql://me:***@host/name"),
    (
        "postgresql+psycopg://me:secret@host:5432/name?password=secret",
        "postgresql+psycopg://me:***@host:5432/name",
    ),
    ("postgresql://me@host/name?password=secret&sslmode=require", "postgresql://me@host/name"),
    ("postgresql:///name?user=me&password=secret&host=a&host=b", "postgresql:///name"),
    ("postgresql://me:sec%40ret@[::1]:5432/name", "postgresql://me:***@[::1]:5432/name"),
    ("postgresql://me:sec@ret@host/name", "postgresql://***"),
    ("postgresql://me:s/ec@ret@host/name", "postgresql://***"),
    ("postgresql://me:secret@host:secret/name", "postgresql://***"),
    ("mysql+pymysql://me:secret@host/name?ssl_key=secret&passwd=secret", "mysql+pymysql://me:***@host/name"),
    ("sqlite+pysqlcipher://:secret@/file.db?cipher=secret", "sqlite+pysqlcipher://:***@/file.db"),
    ("sqlite:////tmp/study.db", "sqlite:////tmp/study.db"),
    ("--storage=postgresql://me:secret@host/name?password=secret", "--storage=postgresql://me:***@host/name"),
    ("not a url ://secret", "not a url ://***"),
    ("postgresql:///password=secret", "postgresql://***"),
    ("postgresql://host/name;user=me;password=secret", "postgresql://***"),
    ("sqlite:////tmp/a=b;c.db", "sqlite:////tmp/a%3Db%3Bc.db"),
    ("journal:redis://:secret@host", "journal:redis://***"),
    ("journal:/tmp/study.journal", "journal:/tmp/study.journal"),
    ("--trials", "--trials"),
]


class TestStorages:
    @pytest.mark.parametrize(("place", "expected"), PLACES)
    def test_what_is_shown(self, place, expected):
        assert storages.without_password(place) == expected
        assert "secret" not in expected

    @pytest.mark.parametrize(
        "place", [place for place, _ in PLACES if place.startswith(("postgres", "mysql"))]
    )
    def test_messages_have_no_password(self, place):
        with pytest.raises((ValueError, OSError)) as caught, explained(place):
            raise storages.SQLAlchemyError(f"could not connect to {place} with secret")
        assert "secret" not in str(caught.value).partition(" with ")[0]

    @pytest.mark.parametrize(
        ("place", "kind", "message"),
        [
            ("nonsense", ValueError, "--storage must be a URL with a driver, got nonsense"),
            ("quux://host/name", ValueError, "must be a URL with a driver, got quux://host/name"),
            ("sqlite:////nowhere/study.db", OSError, "storage .* failed: unable to open database file"),
            (
                "postgresql://me:secret@127.0.0.1:1/x",
                OSError,
                r"storage postgresql://me:\*\*\*@.* failed: conn",
            ),
        ],
    )
    def test_that_are_none_or_do_not_answer(self, place, kind, message):
        started = time.monotonic()
        with pytest.raises(kind, match=message) as raised:
            open_storage(place, 60)
        assert "secret" not in str(raised.value)
        assert "\n" not in str(raised.value)
        assert time.monotonic() - started < storages.CONNECT_SECONDS

    @pytest.mark.parametrize(
        "place",
        [
            "postgresql:/me:secret@host/name",
            "postgresql:me:secret@host/name",
            "me:secret@host/name",
            "host=host password=secret dbname=name",
            "journal:redis://:secret@host",
            "postgresql://me:a@secret@host.invalid/name",
            "postgresql:///password=secret",
        ],
    )
    def test_what_has_a_wrong_character_is_not_shown(self, place):
        with pytest.raises((ValueError, OSError)) as raised:
            open_storage(place)
        assert "secret" not in str(raised.value) and "***" in str(raised.value)

    def test_file_that_is_no_database(self, tmp_path):
        (tmp_path / "study.db").write_text("Dear diary,\n" * 1000)
        with pytest.raises(OSError, match="failed: file is not a database"):
            opened(tmp_path)

    def test_half_a_line_in_a_journal_is_dropped(self, tmp_path):
        place = f"journal:{tmp_path / 'study.journal'}"
        study = opened(tmp_path, place)
        queue.replenish(study, tmp_path, 2, params_of)
        with open(tmp_path / "study.journal", "a") as stream:
            stream.write('{"op_code": 4, "wor')
        queue.replenish(opened(tmp_path, place), tmp_path, 3, params_of)
        assert len(studies.outcomes(studies.load_study(tmp_path, place))) == 3

    def test_lock_of_a_journal(self, tmp_path):
        (tmp_path / "journal").touch()
        one, other = JournalLock(tmp_path / "journal"), lock_at(tmp_path / "journal.lock")
        one.acquire()
        assert not take(other)
        one.release()
        assert take(other)
        other.release()

    def test_lock_of_a_file_system_without_locks(self, tmp_path, monkeypatch):
        """It is an error, at once: nothing takes the place of the lock that would outlive its holder."""

        def flock(*_):
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(fcntl, "flock", flock)
        with pytest.raises(OSError, match="not implemented"):
            take(lock_at(tmp_path / ".lock"))


class TestPatientStorage:
    @pytest.fixture
    def study(self, tmp_path):
        (tmp_path / "here").mkdir()
        url = f"sqlite:///{tmp_path / 'here' / 'study.db'}"
        storage = PatientStorage(url, engine_kwargs={"poolclass": storages.sqlalchemy.NullPool})
        return optuna.create_study(storage=storage)

    def test_waits_for_an_answer(self, study, tmp_path, monkeypatch):
        (tmp_path / "here").rename(tmp_path / "away")
        waited = []

        def sleep(seconds):
            waited.append(seconds)
            if len(waited) == 3:
                (tmp_path / "away").rename(tmp_path / "here")

        monkeypatch.setattr(storages.time, "sleep", sleep)
        study.set_user_attr("seed", 3)
        assert study.user_attrs == {"seed": 3}
        assert len(waited) == 3

    def test_but_not_for_ever(self, study, tmp_path, monkeypatch):
        (tmp_path / "here").rename(tmp_path / "away")
        monkeypatch.setattr(storages, "RESTART_SECONDS", 0)
        monkeypatch.setattr(storages.time, "sleep", lambda seconds: None)
        with pytest.raises(OSError, match="failed: unable to open"), explained("sqlite:///here"):
            study.set_user_attr("seed", 3)

    def test_all_that_a_study_does_is_covered(self):
        for name in ("_create_new_trial", "set_trial_state_values", "record_heartbeat", "get_all_studies"):
            assert hasattr(getattr(PatientStorage, name), "__wrapped__")

    def test_other_errors_are_none_of_its_business(self, study):
        with pytest.raises(KeyError):
            study._storage.get_trial(7)
