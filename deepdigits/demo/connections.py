"""Connections of limited number, on which a request must arrive in limited time."""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 100
SECONDS = 10.0


class LimitedConnection(H11Protocol):
    """Closes a connection that keeps the server waiting, for a request or for its reader.

    A whole request, headers and body, must arrive within `seconds` of the connection or of the last
    answer. If there are `most` connections, a new one takes the place of the one that has kept the
    server waiting longest; if none does, the new one is closed.
    """

    seconds = SECONDS
    most = MAX_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a part of a request is missing, or answers are not read."""
        if self.cycle is None or self.flow.write_paused:
            return True
        return self.cycle.response_complete or self.cycle.more_body

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            others = [c for c in self.connections if isinstance(c, LimitedConnection)]
            waiting = [c for c in others if c.is_waiting and c is not self]
            min(waiting, key=LimitedConnection.waits_until, default=self).end()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.is_waiting:
            self._go_on()

    @override
    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()  # may start the next request, if that has arrived
        if not self.is_waiting:
            self._go_on()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.is_waiting:
            self._go_on()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        super().connection_lost(exc)

    def waits_until(self) -> float:
        """When the connection will be closed, on the clock of the loop."""
        return self._limit.when() if self._limit else float("inf")

    def end(self) -> None:
        """Close at once, without a further byte."""
        self._go_on()
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        self._go_on()
        self._limit = self.loop.call_later(self.seconds, self.end)

    def _go_on(self) -> None:
        if self._limit:
            self._limit.cancel()
            self._limit = None
