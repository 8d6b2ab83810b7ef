"""Count the trials of a search: exactly N are finished, whatever is killed.

A trial and those that retry it share a slot, the number of the first of them. A slot is done when
one of its trials is. Trials are numbered by the storage, so all workers count alike, and need no
lock to agree which trial is one too many.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import optuna
from optuna.trial import FrozenTrial, TrialState

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
LIVE = (TrialState.RUNNING, TrialState.WAITING)
STARTED, ENDED = "started", "ended"  # attributes of trials


def stored(trial: optuna.Trial) -> FrozenTrial:
    """A running trial as the storage has it, with the trials that it retries."""
    return trial.study.get_trials(deepcopy=False)[trial.number]


def slot_of(trial: FrozenTrial) -> int:
    """The number of the first trial that this one retries, or its own."""
    first: int = trial.system_attrs.get("failed_trial", trial.number)
    return first


def history_of(trial: FrozenTrial) -> Sequence[int]:
    """The numbers of the trials that this one retries."""
    history: Sequence[int] = trial.system_attrs.get("retry_history", ())
    return history


def done(trials: Sequence[FrozenTrial]) -> Mapping[int, FrozenTrial]:
    """The finished slots, in order, each with its first finished trial."""
    found: dict[int, FrozenTrial] = {}
    for trial in trials:
        if trial.state in DONE:
            found.setdefault(slot_of(trial), trial)
    return dict(sorted(found.items()))


def taken(trials: Sequence[FrozenTrial]) -> list[int]:
    """The slots that are finished, running or waiting, in order."""
    return sorted({slot_of(trial) for trial in trials if trial.state in (*DONE, *LIVE)})


def is_surplus(number: int, trials: Sequence[FrozenTrial], total: int) -> bool:
    """Whether a trial that has just started is one too many.

    It is if its slot is finished, or another trial with a lower number works on it, or `total`
    slots with lower numbers are taken.

    Args:
        number: Number of the trial.
        trials: All trials of the study, with this one.
        total: Number of trials that are to be finished.
    """
    slot = next(slot_of(trial) for trial in trials if trial.number == number)
    others = [trial for trial in trials if slot_of(trial) == slot and trial.number != number]
    if any(one.state in DONE or (one.state in LIVE and one.number < number) for one in others):
        return True
    return taken(trials).index(slot) >= total


def abandoned(trials: Sequence[FrozenTrial], now: datetime, grace: float) -> list[FrozenTrial]:
    """Running trials whose worker was killed before its first heartbeat, which Optuna waits for.

    Args:
        trials: All trials of the study.
        now: The time.
        grace: Seconds that a worker may need for its first heartbeat.
    """
    return [
        trial
        for trial in trials
        if trial.state == TrialState.RUNNING
        and STARTED not in trial.user_attrs
        and _is_before(trial.datetime_start, now, grace)
    ]


def forgotten(trials: Sequence[FrozenTrial], now: datetime, grace: float) -> list[FrozenTrial]:
    """Failed trials that nobody retries, though they did not end by themselves.

    Their worker was killed, and so was the one that marked them as failed, before it added a trial
    that retries them.

    Args:
        trials: All trials of the study.
        now: The time.
        grace: Seconds that adding a trial may take.
    """
    retried = {number for trial in trials for number in history_of(trial)}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and ENDED not in trial.user_attrs
        and trial.number not in retried
        and _is_before(trial.datetime_complete, now, grace)
    ]


def _is_before(moment: datetime | None, now: datetime, seconds: float) -> bool:
    """Whether a moment is more than some seconds ago."""
    return moment is not None and now - moment > timedelta(seconds=seconds)
