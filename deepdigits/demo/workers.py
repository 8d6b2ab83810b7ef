"""Threads that do the jobs of many requests: few at a time, and waiting ones together."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers(Generic[Job, Result]):
    """Threads that take jobs from a queue.

    Args:
        function: Jobs -> the result of each, or the exception to raise for it.
        threads: So many calls of the function run at a time.
        most: A thread takes up to so many waiting jobs into one call.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        threads: int = 1,
        most: int = 1,
    ) -> None:
        self.function = function
        self.most = most
        self._waiting: SimpleQueue[tuple[Job, Future[Result]]] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    def submit(self, job: Job) -> asyncio.Future[Result]:
        """Do a job. Call it in an event loop, and await what it returns."""
        future: Future[Result] = Future()
        self._waiting.put((job, future))
        return asyncio.wrap_future(future)

    def _work(self) -> None:
        # Several threads of one core each have less to wait for than one operation on all cores.
        torch.set_num_threads(1)
        while True:
            self._finish(self._take())

    def _take(self) -> list[tuple[Job, Future[Result]]]:
        """Wait for a job; others that wait too come with it."""
        taken = [self._waiting.get()]
        while len(taken) < self.most:
            try:
                taken.append(self._waiting.get_nowait())
            except Empty:
                break
        return [(job, future) for job, future in taken if future.set_running_or_notify_cancel()]

    def _finish(self, taken: Sequence[tuple[Job, Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = self.function([job for job, _ in taken])
        except Exception as error:  # whoever waits for a job gets it, and the thread goes on
            results = [error] * len(taken)
        for (_, future), result in zip(taken, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
