"""Optuna's storage of a search: several processes may open it at once, and its server may pause."""

import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from sqlalchemy.engine import make_url
from typing_extensions import override

from deepdigits.core.console import say
from deepdigits.core.errors import InputError, one_line
from deepdigits.core.locks import locked
from deepdigits.sweeps import stopping
from deepdigits.sweeps.slots import STARTED

MAX_RETRIES = 10  # of a trial whose worker was killed
OUTAGE = 600.0  # seconds that a worker waits for a server that is away
_PAUSE = 1.0  # seconds between two attempts
_LOCK_NUMBER = 6_372_190_841  # of PostgreSQL's lock on the creation of a study
_SQLITE_WAIT = 120  # seconds that a process waits for another one that writes


class Storage(RDBStorage):
    """Optuna's storage in a database, whose workers outlive a restart of the server.

    A new connection is tried again for `OUTAGE` seconds. Optuna's heartbeat thread would end at
    the first error, and its trial be given to another worker.

    Optuna never takes a trial without a heartbeat for one of a killed worker. So the first one sets
    the attribute `STARTED`: see `deepdigits.sweeps.slots.abandoned`.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._started: set[int] = set()

    @override
    def record_heartbeat(self, trial_id: int) -> None:
        # After an error, the next one comes after the interval.
        with suppress(StorageInternalError, UpdateFinishedTrialError):
            super().record_heartbeat(trial_id)
            if trial_id not in self._started:
                self.set_trial_user_attr(trial_id, STARTED, True)
                self._started.add(trial_id)


@contextmanager
def open_study(
    url: str,
    name: str,
    direction: Literal["minimize", "maximize"],
    facts: Mapping[str, Any],
    folder: Path,
    heartbeat: int,
) -> Iterator[tuple[optuna.Study, Mapping[str, Any]]]:
    """Create a study, or load the one that another process has created; close it after the block.

    Args:
        url: The storage, as SQLAlchemy takes it.
        name: Name of the study.
        direction: minimize or maximize.
        facts: Facts of the study, kept with it when it is created.
        folder: The folder of the search; its lock keeps processes of this machine apart.
        heartbeat: Seconds between two signs of life of a worker.

    Yields:
        The study, without sampler and pruner, and the facts that it was created with.

    Raises:
        InputError: There is no such server, or a package for it is missing.
    """
    advice = "choose another folder with --logger.save_dir"
    # Several processes that create tables or a study at the same time would fail.
    with locked(folder, advice), _explained(url), _server_lock(url):
        storage = _storage(url, heartbeat)
        study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, load_if_exists=True
        )
        if "facts" not in study.user_attrs:
            study.set_user_attr("facts", dict(facts))
    try:
        yield study, study.user_attrs["facts"]
    finally:
        storage.remove_session()
        storage.engine.dispose()


def retry(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Add a trial that has failed without its fault to those that wait, with the same values."""
    with _quiet():
        RetryHeartbeatStaleTrialCallback(MAX_RETRIES)(study, trial)


def fail_stale_trials(study: optuna.Study) -> None:
    """Mark the trials of workers that were killed as failed, and add them to those that wait."""
    with _quiet():
        optuna.storages.fail_stale_trials(study)


def hidden_password(url: str) -> str:
    """A storage without its password, to print.

    >>> hidden_password("postgresql+psycopg://me:secret@host/db?password=secret")
    'postgresql+psycopg://me:***@host/db?password=hidden'
    >>> hidden_password("me:secret@host")
    '***@host'
    """
    try:
        made = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return re.sub(r"[^/@]*@", "***@", url)[:80]
    secret = {key: "hidden" for key in made.query if "pass" in key.lower()}
    return made.update_query_dict(secret).render_as_string(hide_password=True)


def _storage(url: str, heartbeat: int) -> Storage:
    is_sqlite = url.startswith("sqlite")
    options = {"connect_args": {"timeout": _SQLITE_WAIT}} if is_sqlite else {"pool_pre_ping": True}
    with _quiet():
        storage = Storage(
            url,
            options,
            heartbeat_interval=heartbeat,
            grace_period=2 * heartbeat,
            heartbeat_stale_trial_callback=retry,
        )
    if not is_sqlite:
        sqlalchemy.event.listen(storage.engine, "do_connect", _connect_again)
    return storage


def _connect_again(dialect: Any, record: Any, args: Any, settings: Any) -> Any:
    """Connect; while the server is away, try again."""
    end = None
    while True:
        try:
            return dialect.connect(*args, **settings)
        except dialect.loaded_dbapi.OperationalError:
            if end is None:
                end = time.monotonic() + OUTAGE
                say(f"the database does not answer: waiting for up to {OUTAGE:.0f} s", error=True)
            if time.monotonic() > end:
                raise
            stopping.check()
            time.sleep(_PAUSE)


@contextmanager
def _server_lock(url: str) -> Iterator[None]:
    """Hold a lock of a PostgreSQL server, which keeps the processes of other machines apart."""
    if make_url(url).get_backend_name() != "postgresql":
        yield
        return
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            lock = {"number": _LOCK_NUMBER}
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:number)"), lock)
            yield
            connection.execute(sqlalchemy.text("SELECT pg_advisory_unlock(:number)"), lock)
    finally:
        engine.dispose()


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn the errors of a storage that cannot be opened into one line."""
    try:
        yield
    except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError, ValueError) as error:
        raise InputError(
            f"--storage {hidden_password(url)} is no database: expected a URL such as "
            "sqlite:///search.db or postgresql+psycopg://USER@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise InputError(
            f"--storage {hidden_password(url)}: the package for it is not installed "
            f"({one_line(error.__cause__ or error, 100)}); for postgresql+psycopg run pip install "
            "'psycopg[binary]'"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise InputError(
            f"--storage {hidden_password(url)} cannot be used: {one_line(error, 200)}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the warnings that a part of Optuna may change: the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
