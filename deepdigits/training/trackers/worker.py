"""Call what may hang in a thread of its own, with a limit on the time."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any, TypeVar

Result = TypeVar("Result")
_Calls = SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]


class Worker:
    """Makes calls one after the other in a thread, which starts with the first.

    It can be used in a forked process too, which gets a thread of its own.
    """

    def __init__(self) -> None:
        self._calls: _Calls | None = None
        self._thread: Thread | None = None
        self._process = 0

    def call(self, function: Callable[[], Result], seconds: float) -> Result:
        """Call a function, and return what it returns.

        Raises:
            TimeoutError: It takes longer. The thread goes on with it: use another worker.

        >>> Worker().call(lambda: 3, seconds=10)
        3
        """
        if current_thread() is self._thread:  # a call within a call
            return function()
        if self._calls is None or self._process != os.getpid():
            self._start()
        assert self._calls is not None
        answer: Future[Result] = Future()
        self._calls.put((function, answer))
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            if answer.done():
                raise
            raise TimeoutError(f"no answer within {seconds:g} seconds") from error

    def _start(self) -> None:
        self._calls, self._process = SimpleQueue(), os.getpid()
        self._thread = Thread(target=_serve, args=[self._calls], name="tracker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its last call."""
        if self._calls is not None:
            self._calls.put(None)
        self._calls = None


def _serve(calls: _Calls) -> None:
    while (item := calls.get()) is not None:
        function, answer = item
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)
        except BaseException as error:  # such as sys.exit: it may end the thread, not the process
            answer.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
        del item, function, answer  # nothing is kept alive until the next call
