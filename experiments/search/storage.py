"""Where a search keeps what it knows: a SQLite file, a journal, or any database that Optuna takes.

===========================  =================================================================================
``sqlite:///PATH``           a file, for one machine; by default ``study.db`` in the study's folder
``journal:PATH``             Optuna's journal, a file, for one machine, or for several with a common folder
``postgresql://...``         a server, for any number of machines; needs the extra ``postgres``
any other URL                of a database that SQLAlchemy has a driver for
===========================  =================================================================================

With all of them, taking a trial from the queue and ending it are safe: neither can happen twice.
"""

import random
import re
import time
import warnings
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from urllib.parse import quote, quote_plus

import sqlalchemy
from filelock import FileLock, Timeout
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)

from experiments.search.internals import TRANSACTIONS

# Seconds to wait: for another process that writes to the same file; for a server to answer at all; and for
# one that did answer, and is restarted.
FILE_SECONDS, CONNECT_SECONDS, RESTART_SECONDS = 60, 10, 300

# What goes wrong while a server is restarted: there is no connection, or it ends within a transaction.
PASSING = OperationalError, InterfaceError, PendingRollbackError

# In place of what may be a password.
HIDDEN = "***"

# As often as this, another process may have been faster in making one of the tables of a new database.
MOST_TABLES = 20


def default_place(folder):
    """The default place of the study of a folder: a URL, whatever the name of the folder."""
    path = str(Path(folder) / "study.db")
    return sqlalchemy.URL.create("sqlite", database=path).render_as_string()


def without_password(place):
    """A place in a form to be printed or saved: of a URL, only kind, user, host and name.

    A password is ``***``, and there may be others in the rest, which is left out. Other words, those of a
    command line for instance, are as they are; of a URL that can't be read, only the kind is left.
    """
    flag, url = re.fullmatch(r"(--[\w-]+=)?(.*)", place, re.DOTALL).groups("")
    kind, separator, _ = url.partition("://")
    if not separator:
        return place
    try:
        parts = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return f"{flag}{kind}://{HIDDEN}"
    if any("@" in (part or "") for part in (parts.host, parts.database, parts.drivername)):
        return f"{flag}{kind}://{HIDDEN}"  # a password with characters that should have been quoted
    if not parts.drivername.startswith("sqlite") and set(parts.database or "") & set("=;"):
        return f"{flag}{kind}://{HIDDEN}"  # words of a connection where its name should be
    kept = sqlalchemy.URL.create(
        parts.drivername, parts.username, parts.password, parts.host, parts.port, parts.database
    )
    return flag + kept.render_as_string(hide_password=True)


def _storage(place):
    """The same of a storage that is given: what is no URL may be one in which a character is wrong."""
    if "://" in place or place.startswith("journal:"):
        return without_password(place)
    return HIDDEN if set(place) & set("@=:") else place


def _hidden(text, place):
    """A driver's message, which may repeat its arguments, without secrets; nothing of it, if unsure."""
    if _storage(place).endswith(HIDDEN):
        return "its driver's message may contain a password, and is not shown"
    text = text.replace(place, without_password(place))
    with suppress(sqlalchemy.exc.ArgumentError, ValueError):
        url = sqlalchemy.make_url(place)
        values = (v for value in url.query.values() for v in ([value] if isinstance(value, str) else value))
        for secret in filter(None, (url.password, *values)):
            for form in (str(secret), quote(str(secret)), quote_plus(str(secret))):
                text = text.replace(form, HIDDEN)
    return text


def file_of(place):
    """Path of the file that a storage is, None for a server."""
    scheme, _, rest = place.partition(":")
    if scheme == "journal":
        return Path(rest)
    if scheme.startswith("sqlite"):
        return Path(sqlalchemy.make_url(place).database or "")
    return None


def open_storage(place, heartbeat=None, patient=False):
    """The storage at a place.

    Parameters
    ----------
    place : str
        See the table above.
    heartbeat : int, optional
        Seconds between signs of life of who works on a trial; after twice as long without one, the trial is
        taken up again. Journals do without. None: to look at the study only.
    patient : bool
        Whether to wait for a server that does not answer yet; later on, it is waited for in any case.

    Raises
    ------
    ValueError
        If there is no such kind of storage, or no driver for it.
    OSError
        If it does not answer.
    """
    with explained(place):
        path = file_of(place)
        if place.startswith("journal:"):
            if "://" in place:
                raise ValueError(f"--storage must be journal:PATH, a file, got {without_password(place)}")
            return JournalStorage(
                JournalFileBackend(str(path.resolve()), lock_obj=JournalLock(path.resolve()))
            )
        arguments = {"engine_kwargs": {"poolclass": sqlalchemy.NullPool}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if heartbeat is not None:
                arguments |= {"heartbeat_interval": heartbeat, "grace_period": 2 * heartbeat}
                # What it is taken up with are its hyper-parameters, and the scores that pruners look at.
                arguments["heartbeat_stale_trial_callback"] = RetryHeartbeatStaleTrialCallback(
                    inherit_intermediate_values=True
                )
            return _open_file(place, arguments) if path else _open_server(place, arguments, patient)


def _open_file(place, arguments):
    arguments["engine_kwargs"]["connect_args"] = {"timeout": FILE_SECONDS}
    storage = RDBStorage(place, **arguments)
    if storage.heartbeat_interval is not None:
        # Without that, SQLite begins with the first change, and two processes can take the same trial.
        listen = sqlalchemy.event.listen
        listen(storage.engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        listen(storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return storage


def _open_server(place, arguments, patient):
    url = sqlalchemy.make_url(place)
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        url = url.set(drivername="postgresql+psycopg")  # older versions of SQLAlchemy take psycopg2
        arguments["engine_kwargs"]["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    url = url.render_as_string(hide_password=False)
    connect = _patient(PatientStorage) if patient else PatientStorage
    for _ in range(MOST_TABLES):
        with suppress(ProgrammingError, IntegrityError):  # others make the same tables at the same time
            return connect(url, **arguments)
        time.sleep(random.random())
    return connect(url, **arguments)


@contextmanager
def explained(place):
    """Raise what goes wrong with a storage as an OSError, or a ValueError, that says so in one line."""
    try:
        yield
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        raise ValueError(
            f"--storage must be a URL with a driver, got {_storage(place)}: {_hidden(str(error), place)}"
        ) from None
    except (StorageInternalError, SQLAlchemyError) as error:
        raise OSError(f"storage {without_password(place)} failed: {_hidden(_reason(error), place)}") from None


def _reason(error):
    """What the driver says."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    lines = str(getattr(cause, "orig", None) or cause or error).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def lock_at(path):
    """A lock on a file, between processes of all machines that see it, which its holder loses when it dies.

    The file is made if it is not there, and left there. Where a file system knows no locks, taking it is an
    OSError: a file that stands for a lock would outlive its holder.
    """
    return FileLock(path, preserve_lock_file=True)


def take(lock):
    """Try to take a lock without waiting; returns whether it was free."""
    with suppress(Timeout):
        lock.acquire(blocking=False)
    return lock.is_locked


class JournalLock:
    """The lock of a journal. It removes what a full disk left of a line, before the next one is added."""

    def __init__(self, journal):
        self._lock = lock_at(f"{journal}.lock")
        self._journal = Path(journal)

    def acquire(self):
        """Take the lock, when others have given it back."""
        self._lock.acquire()
        content = self._journal.read_bytes()
        if not content.endswith(b"\n"):
            with open(self._journal, "r+b") as stream:
                stream.truncate(content.rfind(b"\n") + 1)
        return True

    def release(self):
        """Give the lock back."""
        self._lock.release()


class PatientStorage(RDBStorage):
    """A server; if it restarts, the storage waits for it.

    Each operation is a transaction, so it is tried again as a whole. If it happened after all, and only the
    answer was lost, then nothing is wrong either: see `search` for trials that are in the queue twice, or
    belong to nobody.
    """


def _patient(operation):
    @wraps(operation)
    def tried_again(*arguments, **named):
        until = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                return operation(*arguments, **named)
            except (StorageInternalError, *PASSING) as error:
                cause = error.__cause__ if isinstance(error, StorageInternalError) else error
                if not isinstance(cause, PASSING) or time.monotonic() > until:
                    raise
                time.sleep(1)

    return tried_again


# All that studies do with a storage.
for _name in (*BaseStorage.__abstractmethods__, "record_heartbeat", *TRANSACTIONS):
    setattr(PatientStorage, _name, _patient(getattr(RDBStorage, _name)))
