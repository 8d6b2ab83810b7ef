"""A run that is killed at any moment and resumed ends with the bytes of an uninterrupted one."""

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

PARTS = "last.ckpt.*.part"


@pytest.fixture(scope="module")
def seconds(unbroken: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a run takes once imports and files are cached."""
    began = time.monotonic()
    assert finish(TRAIN, again := tmp_path_factory.mktemp("again"))[0] == 0
    seconds = time.monotonic() - began
    assert same_run(again, unbroken)
    return seconds


def next_command(folder: Path) -> list[str]:
    """Resume, or start again where there is no checkpoint yet."""
    return RESUME if list((folder / RUN).glob("checkpoints/*.ckpt")) else TRAIN


def kill_at(process: BaseProcess, seconds: float) -> bool:
    """Kill a process some seconds after its start; whether it was still running."""
    process.join(seconds)
    return kill(process)


def in_a_save(folder: Path) -> bool:
    """Whether a temporary file of the last checkpoint exists."""
    return any((folder / LAST).parent.glob(PARTS))


def kill_in_a_save(process: BaseProcess, folder: Path, number: int) -> bool:
    """Kill a process in the save of this number: while the temporary file exists."""
    saves, existed = 0, False
    while process.is_alive():
        exists = in_a_save(folder)
        saves += exists and not existed
        if exists and saves >= number:
            break
        existed = exists
        time.sleep(0.0003)
    return kill(process)


def kill(process: BaseProcess) -> bool:
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def kill_and_finish(
    folder: Path,
    moments: random.Random,
    seconds: float,
    times: int,
    killed: Callable[[int], None],
    killed_in_a_save: Callable[[int], None],
) -> None:
    """Kill a run in saves and at random moments, by turns, resume it each time, let it end.

    Args:
        folder: The run's working directory.
        moments: Chooses the moments.
        seconds: How long the run takes.
        times: How many attempts at least; further ones follow until one was within a save.
        killed: Told of each attempt whether the run was still running.
        killed_in_a_save: Told of each attempt whether it left the temporary file of a save.
    """
    attempt, saves = 0, 0
    while attempt < times or (not saves and attempt < 4 * times):
        process = start(next_command(folder), folder)
        if attempt % 2 == 0:
            running = kill_in_a_save(process, folder, moments.randint(1, 2))
        else:
            running = kill_at(process, moments.uniform(0, 0.7 * seconds))
        killed(running)
        killed_in_a_save(in_a_save(folder))
        saves += in_a_save(folder)
        attempt += 1
    code, text = finish(next_command(folder), folder)
    assert code == 0, text
    assert not list((folder / RUN).rglob("*.part"))


@pytest.mark.reliability
def test_killed_twice_it_ends_the_same(unbroken: Path, seconds: float, tmp_path: Path) -> None:
    kills: list[int] = []
    moments = random.Random(1)
    kill_and_finish(tmp_path, moments, seconds * 0.9, 2, kills.append, lambda exists: None)
    assert any(kills)
    assert same_run(tmp_path, unbroken)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(16))
def test_killed_at_random_moments_it_ends_the_same(
    seed: int, unbroken: Path, seconds: float, tmp_path: Path, ledger: Ledger
) -> None:
    kills: list[int] = []
    saves: list[int] = []
    with (
        ledger("killed (SIGKILL) at a random moment, resumed: weights and report", 0) as count,
        ledger("killed (SIGKILL) in the middle of a save, resumed: the same", 0) as count_saves,
    ):
        moments = random.Random(100 + seed)
        kill_and_finish(tmp_path, moments, seconds, 4, kills.append, saves.append)
        count(sum(kills))
        count_saves(sum(saves))
        assert same_run(tmp_path, unbroken)
    # A kill may come when the run has ended already; each seed must have met it at work.
    assert sum(kills) >= 2
    assert sum(saves) >= 1
