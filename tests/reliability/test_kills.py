"""Killed at any moment, a run that is started again ends with the bytes of an unbroken one."""

import random
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from shell import finish, start
from trainings import RUN, TRAIN, same_run

RESUME = ["train", "--resume", str(RUN)]
PART = RUN / "checkpoints" / "last.ckpt.part"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of a run that was never stopped, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert finish(TRAIN, folder)[0] == 0  # its imports and files are cached from here on
    assert finish(TRAIN, again := tmp_path_factory.mktemp("again"))[0] == 0
    assert same_run(folder, again)
    began = time.monotonic()
    assert finish(TRAIN, tmp_path_factory.mktemp("timed"))[0] == 0
    return folder, time.monotonic() - began


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
    folder: Path, moments: random.Random, seconds: float, times: int
) -> tuple[int, int]:
    """Kill a run so many times, then let it end: number of kills, and of those within a save."""
    kills = in_saves = 0
    for attempt in range(times):
        process = start(go_on(folder), folder)
        if attempt % 2:
            kills += kill_in_a_save(process, folder, moments.randint(1, 2))
        else:
            kills += kill_at(process, moments.uniform(0, 0.7 * seconds))
        in_saves += (folder / PART).exists()
    code, said = finish(go_on(folder), folder)
    assert code == 0, said
    assert not (folder / PART).exists()
    return kills, in_saves


def test_killed_twice_it_ends_the_same(unbroken: tuple[Path, float], tmp_path: Path) -> None:
    folder, seconds = unbroken
    assert break_and_finish(tmp_path, random.Random(1), seconds * 0.9, 2)[0] >= 1
    assert same_run(tmp_path, folder)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(16))
def test_killed_at_random_moments_it_ends_the_same(
    seed: int, unbroken: tuple[Path, float], tmp_path: Path, ledger: Callable[..., None]
) -> None:
    folder, seconds = unbroken
    kills, in_saves = break_and_finish(tmp_path, random.Random(100 + seed), seconds, 4)
    assert same_run(tmp_path, folder)
    ledger("killed (SIGKILL) at a random moment, resumed: weights and report", kills)
    ledger("... of these in the middle of a save", in_saves)
