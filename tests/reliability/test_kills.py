"""Killed at any moment, a run that is started again ends with the bytes of an unbroken one."""

import random
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from ledger import Ledger
from shell import finish, start
from trainings import LAST, RESUME, RUN, TRAIN, same_run

PART = LAST.with_name("last.ckpt.part")


@pytest.fixture(scope="module")
def seconds(unbroken: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a run takes, when its imports and files are cached."""
    began = time.monotonic()
    assert finish(TRAIN, again := tmp_path_factory.mktemp("again"))[0] == 0
    seconds = time.monotonic() - began
    assert same_run(again, unbroken)
    return seconds


def go_on(folder: Path) -> list[str]:
    """What the user types next: before the first checkpoint there is nothing to go on from."""
    return RESUME if list((folder / RUN).glob("checkpoints/*.ckpt")) else TRAIN


def kill_at(process: BaseProcess, seconds: float) -> bool:
    """Kill a process some seconds after its start; whether it was still at work."""
    process.join(seconds)
    return kill(process)


def kill_in_a_save(process: BaseProcess, folder: Path, number: int) -> bool:
    """Kill a process in its so-manieth save: while the temporary file lies there."""
    saves, lay_there = 0, False
    while process.is_alive():
        lies_there = (folder / PART).exists()
        saves += lies_there and not lay_there
        if lies_there and saves >= number:
            break
        lay_there = lies_there
        time.sleep(0.0003)
    return kill(process)


def kill(process: BaseProcess) -> bool:
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def break_and_finish(
    folder: Path,
    moments: random.Random,
    seconds: float,
    times: int,
    killed: Callable[[int], None],
    in_a_save: Callable[[int], None],
) -> None:
    """Kill a run so many times, and say so for each that met it at work; then let it end."""
    for attempt in range(times):
        process = start(go_on(folder), folder)
        if attempt % 2:
            met = kill_in_a_save(process, folder, moments.randint(1, 2))
        else:
            met = kill_at(process, moments.uniform(0, 0.7 * seconds))
        killed(met)
        in_a_save((folder / PART).exists())
    code, text = finish(go_on(folder), folder)
    assert code == 0, text
    assert not (folder / PART).exists()


def test_killed_twice_it_ends_the_same(unbroken: Path, seconds: float, tmp_path: Path) -> None:
    kills: list[int] = []
    moments = random.Random(1)
    break_and_finish(tmp_path, moments, seconds * 0.9, 2, kills.append, lambda lies_there: None)
    assert any(kills)
    assert same_run(tmp_path, unbroken)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(16))
def test_killed_at_random_moments_it_ends_the_same(
    seed: int, unbroken: Path, seconds: float, tmp_path: Path, ledger: Ledger
) -> None:
    with (
        ledger("killed (SIGKILL) at a random moment, resumed: weights and report", 0) as killed,
        ledger("... of these in the middle of a save", 0) as in_a_save,
    ):
        break_and_finish(tmp_path, random.Random(100 + seed), seconds, 4, killed, in_a_save)
        assert same_run(tmp_path, unbroken)


@pytest.mark.reliability
def test_it_was_killed_often_enough(ledger: Ledger) -> None:
    """Behind the others: a kill may come when a run has ended already, and is none."""
    kills = ledger.rows["killed (SIGKILL) at a random moment, resumed: weights and report"]
    assert kills.times >= 30
    assert ledger.rows["... of these in the middle of a save"].times >= 10
