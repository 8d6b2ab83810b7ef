"""Several processes of one run: a limit on waiting, and values that the first one hands on."""

import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import torch.distributed
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.files import display_path

# What torch raises in a process when another one of the run has ended.
_PEER_LOST = re.compile("gloo|nccl|connection (closed|reset)", re.I)

T = TypeVar("T")


class PeerTimeout(Callback):
    """Limits how long a process waits for another one, once all have started.

    A process whose machine or wire fails closes no connection: without a limit the others wait for
    half an hour.

    Args:
        seconds: The limit, above 0.

    Raises:
        InputError: The limit is not above 0.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 < seconds < math.inf:
            raise InputError(f"peer_timeout is {seconds}, expected seconds above 0")
        self.seconds = seconds

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.world_size > 1 and torch.distributed.is_initialized():
            torch.distributed.set_timeout(timedelta(seconds=self.seconds))


def from_first_process(read: Callable[[], T]) -> T:
    """What a function returns in the first process, in all processes; call it in all of them.

    Args:
        read: Called in the first process only.

    Raises:
        InputError: It was raised by the function; in all processes.
    """
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return read()
    shared: list[T | str | None] = [None, None]  # the value and the message of an error
    if torch.distributed.get_rank() == 0:
        try:
            shared[0] = read()
        except InputError as error:
            shared[1] = str(error)
    torch.distributed.broadcast_object_list(shared)
    if shared[1] is not None:
        raise InputError(shared[1])
    return cast(T, shared[0])


def is_peer_lost(error: BaseException) -> bool:
    """Whether torch has raised an error because another process of the run has ended."""
    return isinstance(error, RuntimeError) and bool(_PEER_LOST.search(str(error)))


def peer_lost(
    verb: str = "train", folder: Path | None = None, saved: bool | None = None
) -> RunFailed:
    """The error of one line for it.

    Args:
        verb: The command to resume with.
        folder: The run folder of a training. None: it is not known here.
        saved: Whether a checkpoint is in it. None: this process cannot know.
    """
    line = "another process of this run has ended, or no longer answers, so this one stops too; "
    if saved is False:
        return RunFailed(f"{line}nothing is saved yet: start it again")
    run = "latest" if folder is None else display_path(folder)
    what = "the last checkpoint is saved: " if saved else ""
    return RunFailed(f"{line}{what}resume with `deepdigits {verb} --resume {run}`")
