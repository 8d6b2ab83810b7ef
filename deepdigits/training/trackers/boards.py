"""The boards of a training: what its loggers show besides metrics."""

from functools import partial
from typing import Any, cast

from lightning.pytorch import Trainer

from deepdigits.training.trackers.board import Board
from deepdigits.training.trackers.kinds import board_class
from deepdigits.training.trackers.tracker import Tracker


def has_boards(trainer: Trainer) -> bool:
    """Whether a logger shows pictures; the same in all processes."""
    return any(board_class(logger.__class__) is not None for logger in trainer.loggers)


def boards(trainer: Trainer) -> list[Board]:
    """The boards of the loggers that have not failed; in the first process only."""
    if not trainer.is_global_zero:
        return []
    found: list[Board] = []
    for logger in trainer.loggers:
        kind = board_class(logger.__class__)
        if kind is None:
            continue
        if not isinstance(logger, Tracker):
            found.append(kind(logger))
        elif not logger.failed:
            found.append(cast(Board, _Guarded(logger)))
    return found


class _Guarded:
    """A board of a tracker: what it raises does not stop the training."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def __getattr__(self, name: str) -> Any:
        return partial(self._tracker.show, name)
