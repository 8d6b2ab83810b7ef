"""Stop a worker of a search on a signal: the training saves first."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from deepdigits.core.errors import Interrupted

_SIGNALS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, n))

_active: list["Stop"] = []  # those whose block is being run


class Stop:
    """A context that notes signals, in place of ending the process.

    Attributes:
        signum: The signal that was received; None before.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            _active.append(self)
            self._former = {signum: signal.signal(signum, self._note) for signum in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self in _active:
            _active.remove(self)
        for signum, handler in self._former.items():
            signal.signal(signum, handler)

    def check(self) -> None:
        """End the command if a signal was received.

        Raises:
            Interrupted: One was.
        """
        if self.signum is not None:
            name = signal.Signals(self.signum).name
            raise Interrupted(
                self.signum, f"stopped by {name}; the same command goes on with the search"
            )

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum


def check() -> None:
    """End the command if a signal was received in the block of a `Stop`; from any place.

    Raises:
        Interrupted: One was.
    """
    for stop in _active:
        stop.check()
