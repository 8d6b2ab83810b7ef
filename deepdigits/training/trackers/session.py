"""A logger that is built for a run folder, and its run in the tracker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from deepdigits.core.errors import InputError, one_line
from deepdigits.training.trackers.board import Board
from deepdigits.training.trackers.kinds import board_class, class_to_build
from deepdigits.training.trackers.record import keep_id, kept_id


class Session:
    """A built logger; its run begins when it is first needed.

    Args:
        kind: The class of the logger.
        settings: Its arguments.
        folder: The run folder. Its training goes on in the run of the tracker that it names.
        position: The number of the logger among those of its class.

    Attributes:
        logger: The logger.
        board: What shows more than metrics in it; None: nothing does.
        began: Whether its run has begun.

    Raises:
        InputError: The class refuses its arguments, or needs a package that is not there.
    """

    def __init__(
        self, kind: type[Logger], settings: Mapping[str, Any], folder: Path, position: int
    ) -> None:
        self.began = False
        self._kind = kind
        self._settings = dict(settings)
        self._folder, self._position = folder, position
        self._board_class = board_class(kind)
        ids = () if self._board_class is None else self._board_class.id_settings
        typed = any(settings.get(name) for name in ids)
        self._kept = kept_id(folder, kind.__name__, position) if ids and not typed else None
        self._build()

    def begin(self) -> Logger:
        """Begin the run of the tracker, or go on in it, once; returns the logger."""
        if not self.began:
            run_id = self._begin()
            if run_id is not None:
                keep_id(self._folder, self._kind.__name__, self._position, run_id)
            self.began = True
        return self.logger

    def _begin(self) -> str | None:
        if self.board is None:
            return None
        try:
            return self.board.begin()
        except Exception as error:
            if self._kept is None or not self.board.is_unknown(error):
                raise
        self._kept = None  # it is gone, or this is another server: a new run
        self._build()
        return self.board.begin()

    def _build(self) -> None:
        board, settings = self._board_class, dict(self._settings)
        if board is not None and self._kept is not None:
            settings[board.id_settings[0]] = self._kept
        if board is not None and board.name_setting is not None:
            name = settings.get(board.name_setting)
            settings[board.name_setting] = name or f"{self._folder.parent.name}/{self._folder.name}"
        try:
            self.logger = class_to_build(self._kind)(**settings)
        except (ImportError, MisconfigurationException) as error:
            raise InputError(f"{self._kind.__name__}: {one_line(error, 300)}") from error
        self.board: Board | None = None if board is None else board(self.logger)
