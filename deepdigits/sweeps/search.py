"""One worker of a search: it runs trials until N are finished, also those of killed workers."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from deepdigits.core.errors import RunFailed
from deepdigits.sweeps import slots
from deepdigits.sweeps.store import OUTAGE, fail_stale_trials, retry

Objective = Callable[[optuna.Trial], float]
ADDING = 5.0  # seconds that adding a trial which retries another one may take
_POLL = 0.5  # seconds between two looks at the storage
_IN_A_ROW = 5  # trials that fail one after the other, before a worker gives up


class Surplus(Exception):
    """The trial is one too many: another worker has started one at the same time."""


class NotTrained(optuna.TrialPruned):
    """A trial whose training failed by itself: it is finished, and not retried."""


class Killed(Exception):
    """A trial whose training was killed: it is retried."""


def search(
    study: optuna.Study,
    objective: Objective,
    total: int,
    heartbeat: int,
    after: Callable[[optuna.Study], None] = lambda study: None,
) -> None:
    """Run trials until a number of them is finished, by this worker and others.

    Args:
        study: The study, with sampler and pruner.
        objective: Runs a trial, and returns its value. It raises TrialPruned, `NotTrained` or
            `Killed`.
        total: Number of finished trials.
        heartbeat: Seconds between two signs of life of a worker.
        after: Called after each trial and each wait; what it raises ends the search.

    Raises:
        RunFailed: Trials fail one after the other, or the server of the storage stays away.
    """
    away_since = None
    while True:
        try:
            ended = _step(study, objective, total, heartbeat)
            after(study)
            if ended:
                return
            away_since = None
        except StorageInternalError as error:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > OUTAGE:
                raise RunFailed(f"the storage has not answered for {OUTAGE:.0f} seconds") from error
            time.sleep(_POLL)


def _step(study: optuna.Study, objective: Objective, total: int, heartbeat: int) -> bool:
    """Run a trial, or wait for those of others; returns whether all are finished."""
    trials = study.get_trials(deepcopy=False)
    if len(slots.done(trials)) >= total:
        return True
    _stop_if_all_fail(trials)
    recover(study, 2 * heartbeat)
    trials = study.get_trials(deepcopy=False)
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    if not waiting and len(slots.taken(trials)) >= total:
        time.sleep(_POLL)
        return False
    before = len(trials)
    _run_one(study, objective, total)
    # A grid that is exhausted adds no trial.
    after = study.get_trials(deepcopy=False)
    return len(after) == before and not waiting and not _some_live(after)


def _run_one(study: optuna.Study, objective: Objective, total: int) -> None:
    """Run one trial, unless it is one too many."""
    errors: list[Exception] = []

    def run(trial: optuna.Trial) -> float:
        if slots.is_surplus(trial.number, study.get_trials(deepcopy=False), total):
            trial.set_user_attr(slots.ENDED, "surplus")
            raise Surplus
        try:
            return objective(trial)
        except (optuna.TrialPruned, Killed, UpdateFinishedTrialError, StorageInternalError):
            raise
        except Exception as error:
            errors.append(error)
            raise

    try:
        study.optimize(run, n_trials=1, catch=(Surplus, Killed))
    except (AssertionError, ValueError, UpdateFinishedTrialError):
        # While the storage was away, another worker has taken this one for killed, or the end of
        # the trial was not stored. Optuna raises these; the trial is retried.
        if errors:
            raise


def recover(study: optuna.Study, grace: float) -> None:
    """Give the trials of workers that were killed to others.

    Args:
        study: The study.
        grace: Seconds without a sign of life after which a worker counts as killed.
    """
    fail_stale_trials(study)
    now, trials = datetime.now(), study.get_trials(deepcopy=False)
    for trial in slots.abandoned(trials, now, grace):
        with suppress(UpdateFinishedTrialError):
            study.tell(trial.number, state=TrialState.FAIL)
    for trial in slots.forgotten(trials, now, ADDING):
        retry(study, trial)


def _some_live(trials: list[FrozenTrial]) -> bool:
    return any(trial.state in slots.LIVE for trial in trials)


def _stop_if_all_fail(trials: list[FrozenTrial]) -> None:
    ended = sorted(
        (trial for trial in trials if trial.state in slots.DONE and trial.datetime_complete),
        key=lambda trial: trial.datetime_complete or datetime.min,
    )
    last = [trial.user_attrs.get(slots.ENDED) for trial in ended[-_IN_A_ROW:]]
    if len(last) == _IN_A_ROW and all(last):
        raise RunFailed(f"{_IN_A_ROW} trials in a row could not be trained; the last: {last[-1]}")
