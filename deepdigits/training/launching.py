"""Run a command in processes that are copies of this one: `ddp_spawn`, `ddp_fork`, `ddp_notebook`.

Lightning copies the trainer, with all that it holds, into them. Here each process builds its own
from the same command line, as the processes of `ddp` do: nothing but words has to be copied, and
the results are those of `ddp`.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from time import monotonic
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.errors import InputError, OneLine
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.rng_state import gpu_used
from deepdigits.training.processes import is_peer_lost, peer_lost

_GRACE = 10.0  # seconds that the other processes have to end, after one has failed
_UNGUARDED = 81  # exit code of a process that has run the user's script again
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Launch:
    """How to start the processes.

    Attributes:
        method: spawn, fork or forkserver.
        count: Number of processes.
        environment: The variables of each process, besides its rank.
    """

    method: str
    count: int
    environment: Mapping[str, str]


class Starter:
    """The process that started this one, as this one sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send_signals_to(self, shutdown: GracefulShutdown) -> None:
        """Deliver the signals to this process, and those to the starter; its end is a SIGTERM."""
        Thread(target=self._listen, args=(shutdown,), daemon=True).start()
        _mask("SIG_UNBLOCK")

    def _listen(self, shutdown: GracefulShutdown) -> None:
        starter = multiprocessing.parent_process()
        assert starter is not None
        while starter.sentinel not in wait([self._connection, starter.sentinel]):
            shutdown.receive(self._connection.recv())
        shutdown.receive(signal.SIGTERM)


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
            "restart the notebook and begin with this call, or use ddp in a script"
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
    process = context.Process(target=_run, args=(theirs, rank, os.getcwd(), launch, work, args))
    try:
        process.start()
    except RuntimeError as error:
        if "bootstrapping" not in str(error):
            raise
        sys.exit(_UNGUARDED)  # this is such a process, which imports the script of the user
    theirs.close()
    return process, ours


def _run(
    connection: Connection,
    rank: int,
    folder: str,
    launch: Launch,
    work: Callable[..., Any],
    args: Sequence[Any],
) -> None:
    """The work of a process: send what the function returns, or raises, to the starter."""
    for signum in _SIGNALS:
        signal.signal(signum, lambda *_: None)  # it is in place again when the work is done
    os.chdir(folder)
    os.environ.update({**launch.environment, "LOCAL_RANK": str(rank)})
    rank_zero_only.rank = rank  # type: ignore[attr-defined]  # an attribute of the function
    if launch.method != "spawn":
        # With more, a forked process hangs if the other one has used them (libgomp, torch 2.14).
        torch.set_num_threads(1)
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // launch.count))
    answer: Any
    try:
        value = work(Starter(connection), *args)
        answer = (True, value if rank == 0 else None)
    except BaseException as error:
        answer = (False, error)
        if not isinstance(error, OneLine | SystemExit):
            error.add_note(f"in process {rank} of this run:\n{traceback.format_exc()}")
    with suppress(OSError):  # the starter was killed
        connection.send_bytes(_pickled(answer))


def _pickled(answer: tuple[bool, Any]) -> bytes:
    try:
        content = pickle.dumps(answer)
        pickle.loads(content)
    except Exception:  # an exception class of a user's package
        error = answer[1]
        text = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        return pickle.dumps((False, RuntimeError(text)))
    return content


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
    _mask("SIG_BLOCK")
    try:
        yield
    finally:
        _mask("SIG_UNBLOCK")


def _mask(how: str) -> None:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(getattr(signal, how), _SIGNALS)
