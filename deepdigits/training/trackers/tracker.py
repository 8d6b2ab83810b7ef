"""A logger whose failure does not stop the training."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.console import say
from deepdigits.core.errors import OneLine, one_line
from deepdigits.training.trackers import limits
from deepdigits.training.trackers.session import Session
from deepdigits.training.trackers.worker import Worker

Result = TypeVar("Result")
_SILENT = DummyLogger()  # takes everything and does nothing
_METHODS = ("log_metrics", "log_hyperparams", "log_graph")
_OF_THE_END = ("save", "finalize", "after_save_checkpoint")  # they begin no run, and may send files
_ABSENT = object()
_HALF = 120  # characters of a long error that are shown from its begin, and from its end


class Tracker:
    """Stands for a logger: it has its class, its attributes and its methods.

    The logger is built when the run folder is known, in the first process only, and its run begins
    with the first call. What it raises, or an answer that does not come, ends in one line: from
    then on nothing is sent to it.

    Args:
        kind: The class of the logger.
        settings: The arguments of the class.

    Attributes:
        failed: Whether nothing is sent to it any more.
    """

    def __init__(self, kind: type[Logger], settings: Mapping[str, Any]) -> None:
        self.failed = False
        self._kind = kind
        self._settings = dict(settings)
        self._place: tuple[Path, int] | None = None
        self._step: int | None = None  # of the last metrics that it has
        self._session: Session | None = None
        self._worker = Worker()

    @property  # type: ignore[misc]  # read-only: code may ask which logger this is
    def __class__(self) -> type:
        return self._kind

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the logger: another process builds its own, which goes on in the same run."""
        state = {"failed": self.failed, "_place": self._place, "_step": self._step}
        return Tracker, (self._kind, self._settings), state

    def place(self, folder: Path, position: int) -> None:
        """Build the logger for a run folder.

        Args:
            folder: The run folder.
            position: The number of the logger among those of its class.

        Raises:
            InputError: The class refuses its arguments, or needs a package that is not there.
        """
        self._place = (folder, position)
        if _is_first_process():
            self._try(self._open)

    def show(self, method: str, *args: Any) -> None:
        """Call a method of its board, if it has one."""
        if self._place is not None and _is_first_process():
            self._try(lambda: self._show(method, *args), is_long=method == "files")

    def close(self, failed: bool) -> None:
        """End its run, if it has begun one."""
        session = self._session
        if session is not None and session.began and session.board is not None:
            board = session.board
            self._try(lambda: board.close(failed), is_long=True, is_last=True)
        self._worker.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.failed or self._place is None or not _is_first_process():
            return getattr(_SILENT, name)
        if name in _OF_THE_END and (self._session is None or not self._session.began):
            return getattr(_SILENT, name)
        if name in (*_METHODS, *_OF_THE_END):
            return partial(self._call, name)
        return self._attribute(name)

    def _call(self, name: str, /, *args: Any, **settings: Any) -> None:
        call = partial(self._method, name, *args, **settings)
        self._try(call, is_long=name in _OF_THE_END)
        step = settings.get("step", args[1] if len(args) > 1 else None)
        if name == "log_metrics" and step is not None and not self.failed:
            self._step = step

    def _attribute(self, name: str) -> Any:
        """An attribute of the logger. A method of its own does not raise either."""
        # An AttributeError is a failure only if the class has the attribute.
        default = () if hasattr(self._kind, name) else (_ABSENT,)
        found: Any = self._try(lambda: getattr(self._open().begin(), name, *default))
        if found is _ABSENT:
            raise AttributeError(f"{self._kind.__name__} has no attribute {name!r}")
        if self.failed:
            return getattr(_SILENT, name)
        assert self._session is not None
        is_method = getattr(found, "__self__", None) is self._session.logger
        return partial(self._own, found) if is_method else found

    def _own(self, method: Callable[..., Any], /, *args: Any, **settings: Any) -> Any:
        try:
            return None if self.failed else method(*args, **settings)
        except Exception as error:
            self._give_up(error)

    def _open(self) -> Session:
        if self._session is None:
            assert self._place is not None
            self._session = Session(self._kind, self._settings, *self._place)
        return self._session

    def _method(self, name: str, /, *args: Any, **settings: Any) -> None:
        getattr(self._open().begin(), name)(*args, **settings)

    def _show(self, method: str, *args: Any) -> None:
        session = self._open()
        if session.board is not None:
            session.begin()
            getattr(session.board, method)(*args)

    def _try(
        self, call: Callable[[], Result], is_long: bool = False, is_last: bool = False
    ) -> Result | None:
        """What a call returns; None if it fails, or if one has failed before."""
        if self.failed and not is_last:
            return None
        limits.limit_waiting()
        try:
            return self._worker.call(call, limits.seconds() * (10 if is_long else 1))
        except OneLine:
            self.failed = True
            raise
        except Exception as error:
            if isinstance(error, TimeoutError):  # the thread may wait for ever
                self._worker, self._session = Worker(), None
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        if self.failed:
            return
        self.failed = True
        last = (
            "the metrics of this run" if self._step is None else f"what follows step {self._step}"
        )
        say(
            f"{self._kind.__name__} has failed ({_reason(error)}): it lacks {last}; the training "
            "goes on, and its run folder has everything",
            error=True,
        )


def _is_first_process() -> bool:
    rank: int = getattr(rank_zero_only, "rank", 0)
    return rank == 0


def _reason(error: Exception) -> str:
    """What an error says, in a few words and without the password of a URL."""
    text = re.sub(r"//[^/@\s]*@", "//", one_line(error))
    if len(text) > 2 * _HALF:
        text = f"{text[:_HALF]} ... {text[-_HALF:]}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
