"""Which trials are finished, live, one too many or forgotten: counted over made-up histories."""

from datetime import datetime, timedelta
from typing import Any

import pytest

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from optuna.trial import FrozenTrial, TrialState, create_trial  # noqa: E402

from deepdigits.sweeps import slots  # noqa: E402

NOW = datetime(2026, 11, 27, 12)
STATES = {
    "C": TrialState.COMPLETE,
    "P": TrialState.PRUNED,
    "R": TrialState.RUNNING,
    "W": TrialState.WAITING,
    "F": TrialState.FAIL,
}


def trials(text: str, **more: Any) -> list[FrozenTrial]:
    """Trials from words such as ``R`` or ``W<0``, one that waits and retries trial 0."""
    made = []
    for number, word in enumerate(text.split()):
        state, _, of = word.partition("<")
        history = [int(n) for n in of.split(",")] if of else []
        system = {"failed_trial": history[0], "retry_history": history} if history else {}
        value = 0.5 if state == "C" else None
        trial = create_trial(state=STATES[state], value=value, system_attrs=system)
        trial.number = number
        trial.datetime_start = NOW - timedelta(seconds=60)
        trial.datetime_complete = NOW - timedelta(seconds=30) if state in "CPF" else None
        for name, value_ in more.items():
            setattr(trial, name, value_)
        made.append(trial)
    return made


def test_a_slot_is_that_of_the_first_trial_and_done_once() -> None:
    found = trials("F C P F<0 C<0,3 R")
    assert [slots.slot_of(trial) for trial in found] == [0, 1, 2, 0, 0, 5]
    assert {slot: trial.number for slot, trial in slots.done(found).items()} == {0: 4, 1: 1, 2: 2}
    assert slots.taken(found) == [0, 1, 2, 5]


@pytest.mark.parametrize(
    ("text", "number", "total", "surplus"),
    [
        ("R", 0, 1, False),
        ("R R", 1, 1, True),
        ("R R", 0, 1, False),
        ("C R R", 2, 2, True),
        ("F R R", 2, 2, False),  # the failed trial holds no place
        ("F R R W<0", 2, 2, True),  # it does again, since it is retried
        ("F C R<0", 2, 2, False),
        ("F R<0 R<0", 2, 5, True),  # two workers retry the same trial
        ("F R<0 R<0", 1, 5, False),
        ("F C<0 R<0", 2, 5, True),
    ],
)
def test_one_too_many(text: str, number: int, total: int, surplus: bool) -> None:
    assert slots.is_surplus(number, trials(text), total) == surplus


@pytest.mark.parametrize(
    ("total", "going"),
    [(1, []), (2, [1]), (3, [1]), (4, [1, 3]), (5, [1, 3, 5]), (6, [1, 3, 5, 6])],
)
def test_of_trials_that_start_at_once_exactly_the_total_go_on(total: int, going: list[int]) -> None:
    found = trials("C R F R W<2 R R")  # slots 0 (done), 1, 2 (to be retried), 3, 5, 6
    running = [trial.number for trial in found if trial.state == TrialState.RUNNING]
    assert [n for n in running if not slots.is_surplus(n, found, total)] == going


def test_abandoned_before_the_first_heartbeat() -> None:
    found = trials("R R C W")
    found[1]._user_attrs = {slots.STARTED: True}
    assert [trial.number for trial in slots.abandoned(found, NOW, 30)] == [0]
    assert slots.abandoned(found, NOW, 90) == []


def test_forgotten_are_failed_ones_that_nobody_retries() -> None:
    found = trials("F F W<1 F")
    found[3]._user_attrs = {slots.ENDED: "surplus"}
    assert [trial.number for trial in slots.forgotten(found, NOW, 5)] == [0]
    assert slots.forgotten(found, NOW, 90) == []
