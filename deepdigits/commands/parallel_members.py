"""Train several runs of ``deepdigits repeat`` at the same time, with a live table of them."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

from deepdigits.commands import members
from deepdigits.commands.members import Member, train_member
from deepdigits.comparison.results import Result
from deepdigits.core.errors import InputError
from deepdigits.core.live import LiveTable, live_table
from deepdigits.runs.curves import read_curves
from deepdigits.training.config_flags import has_flag

_POLL = 1.0  # seconds between two looks at the runs
_COLUMNS = ("run", "epoch", "val/accuracy")


def train_members(
    parent: Path,
    several: Sequence[Member],
    args: Sequence[str],
    config: dict[str, Any],
    lock: Sequence[int],
    jobs: int,
) -> list[Result]:
    """Train and test runs, some of them at the same time, with one thread each.

    The output of a run goes into a file next to its folder, such as ``seed_0.log``. If one fails,
    those that are running are trained to their end, and no other is started.

    Args:
        parent: The folder of all runs.
        several: The runs.
        args: The flags of all runs.
        config: Their resolved config.
        lock: File descriptors of the lock of the folder.
        jobs: Number of runs at the same time.

    Raises:
        InputError: As `train_member`.
        RunFailed: As `train_member`.
    """
    own = [*args, "--trainer.enable_progress_bar=false"]
    own += [] if has_flag(args, "num_threads") else ["--num_threads=1"]
    pool = ThreadPoolExecutor(jobs)
    with live_table(_COLUMNS) as table:
        futures = {
            pool.submit(_train, parent, member, own, config, lock, table): member
            for member in several
        }
        try:
            _watch(parent, futures, table)
        finally:  # also if the user stops it: the runs save then
            pool.shutdown(cancel_futures=True)
    for future in futures:
        if not future.cancelled() and (error := future.exception()) is not None:
            raise error
    return [future.result() for future in futures]


def _train(
    parent: Path,
    member: Member,
    args: Sequence[str],
    config: dict[str, Any],
    lock: Sequence[int],
    table: LiveTable,
) -> Result:
    log = parent / f"{member.folder_name}.log"
    start = partial(members.start, lock=lock, log=log)
    try:
        result = train_member(parent, member, args, config, start, table.print)
    except InputError as error:
        table.print(f"{member} failed: {log} has its output")
        raise error
    table.print(f"{member}: accuracy {result.report['accuracy']:.2%}")
    return result


def _watch(parent: Path, futures: "dict[Future[Result], Member]", table: LiveTable) -> None:
    """Show the runs that are being trained until all have ended, or one has failed."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=_POLL)
        if any(future.exception() is not None for future in done):
            return
        running = [member for future, member in futures.items() if future.running()]
        title = f"{len(futures) - len(waiting)} of {len(futures)} runs finished"
        table.update(title, [_row(parent, member) for member in running])


def _row(parent: Path, member: Member) -> list[str]:
    try:
        curves = read_curves(parent / member.folder_name)
        values = [str(int(curves["epoch"][-1])), f"{curves['val/accuracy'][-1]:.2%}"]
    except (InputError, KeyError, IndexError):
        values = ["-", "-"]
    return [str(member), *values]
