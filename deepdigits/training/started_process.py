"""One of several processes that were started by another: it does its part, and answers."""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from threading import Thread
from time import sleep
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.errors import OneLine
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ORPHANED = 60.0  # seconds in which a process stops whose starter was killed


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
        mask_signals("SIG_UNBLOCK")

    def _listen(self, shutdown: GracefulShutdown) -> None:
        starter = multiprocessing.parent_process()
        assert starter is not None
        with suppress(EOFError, OSError):
            while starter.sentinel not in wait([self._connection, starter.sentinel]):
                shutdown.receive(self._connection.recv())
        shutdown.receive(signal.SIGTERM)
        sleep(_ORPHANED)
        os.kill(os.getpid(), signal.SIGKILL)  # it hangs, so nothing else would end it


def run_process(
    connection: Connection,
    rank: int,
    folder: str,
    launch: Launch,
    work: Callable[..., Any],
    args: Sequence[Any],
) -> None:
    """Call a function in this process, and send what it returns or raises to the starter.

    Args:
        connection: To the starter, which gets a pickled pair: whether it has returned, and what.
        rank: Number of this process; only the first one sends what the function returns.
        folder: The working directory.
        launch: How the process was started.
        work: The function.
        args: Its arguments after the `Starter`.
    """
    for signum in SIGNALS:
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
    succeeded, value = answer
    try:
        content = pickle.dumps(answer)
        if not succeeded:
            pickle.loads(content)
    except Exception:  # an exception class of a user's package
        text = "\n".join([f"{type(value).__name__}: {value}", *getattr(value, "__notes__", ())])
        return pickle.dumps((False, RuntimeError(text)))
    return content


def mask_signals(how: str) -> None:
    """Hold the signals of `SIGNALS`, with SIG_BLOCK, or deliver them, with SIG_UNBLOCK."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(getattr(signal, how), SIGNALS)
