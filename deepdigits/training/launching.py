"""Run a command in processes that are copies of this one: `ddp_spawn`, `ddp_fork`, `ddp_notebook`.

Lightning copies the trainer, with all that it holds, into them. Here each process builds its own
from the same command line, as the processes of `ddp` do: nothing but words has to be copied, and
the results are those of `ddp`.
"""

import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.rng_state import gpu_used
from deepdigits.training.processes import is_peer_lost, peer_lost
from deepdigits.training.started_process import Launch, mask_signals, run_process

_GRACE = 10.0  # seconds that the other processes have to end, after one has failed
_UNGUARDED = 81  # exit code of a process that has run the user's script again


def run_in_processes(
    work: Callable[..., Any], args: Sequence[Any], launch: Launch, shutdown: GracefulShutdown
) -> Any:
    """Call a function in several processes; none of them is left at the end.

    Args:
        work: A function of a module, which is called with a `Starter` and the arguments.
        args: Plain values.
        launch: How to start the processes.
        shutdown: It hands a signal on to the processes.

    Returns:
        What the first process returns.

    Raises:
        InputError: The processes cannot be started, or not in this way.
        BaseException: What one of the processes has raised.
    """
    if launch.method != "spawn" and gpu_used():
        raise InputError(
            "this process has used the GPU already, so no process that is forked from it can: "
            "restart the notebook and begin with this call, or use ddp_spawn in a script"
        )
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        with _held_signals(launch.method):
            for rank in range(launch.count):
                started.append(_start(rank, work, args, launch))
        shutdown.relay = lambda signum: _send(signum, started)
        return _result(started)
    finally:
        shutdown.relay = None
        for process, connection in started:
            process.kill()
            process.join()
            connection.close()


def _start(
    rank: int, work: Callable[..., Any], args: Sequence[Any], launch: Launch
) -> tuple[BaseProcess, Connection]:
    context: Any = multiprocessing.get_context(launch.method)
    ours, theirs = context.Pipe()
    process = context.Process(
        target=run_process, args=(theirs, rank, os.getcwd(), launch, work, args)
    )
    try:
        process.start()
    except RuntimeError as error:
        if "bootstrapping" not in str(error):
            raise
        sys.exit(_UNGUARDED)  # this is such a process, which imports the script of the user
    theirs.close()
    return process, ours


def _result(started: Sequence[tuple[BaseProcess, Connection]]) -> Any:
    """Wait for the processes, and return the result of the first one."""
    processes = {connection: process for process, connection in started}
    results: dict[Connection, Any] = {}
    failures: list[BaseException] = []
    deadline = None
    while waiting := [one for one in processes if one not in results]:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        ready = wait(waiting, left)
        if not ready:
            break  # the others wait for the one that has failed
        for connection in ready:
            assert isinstance(connection, Connection)
            succeeded, results[connection] = _answer(processes[connection], connection)
            if not succeeded:
                failures.append(results[connection])
                deadline = deadline or monotonic() + _GRACE
    if failures:
        raise next((error for error in failures if not is_peer_lost(error)), failures[0])
    return results[started[0][1]]


def _answer(process: BaseProcess, connection: Connection) -> tuple[bool, Any]:
    """Whether a process has succeeded, and its result or what it has raised."""
    try:
        succeeded, value = pickle.loads(connection.recv_bytes())
    except (EOFError, OSError):
        process.join(_GRACE)
        if process.exitcode != _UNGUARDED:
            return False, peer_lost()
        return False, InputError(
            "the processes of ddp_spawn import your script, which would train again: put what it "
            'calls below `if __name__ == "__main__":`, or use ddp_fork'
        )
    process.join(_GRACE)  # it may have something to print yet
    return succeeded, value


def _send(signum: int, started: Sequence[tuple[BaseProcess, Connection]]) -> None:
    for _, connection in started:
        with suppress(OSError):
            connection.send(signum)


@contextmanager
def _held_signals(method: str) -> Iterator[None]:
    """Deliver signals only after the block; a process that it starts holds them until it is ready.

    Else a Ctrl-C while a process imports its modules would print a traceback.
    """
    if method != "fork":
        resource_tracker.ensure_running()  # it would deliver them in the middle of the block
    mask_signals("SIG_BLOCK")
    try:
        yield
    finally:
        mask_signals("SIG_UNBLOCK")
