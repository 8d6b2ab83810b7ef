"""What a request may hold: limits of its body, types of its fields, one line for what is wrong."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse

from deepdigits.core.errors import OneLine

MAX_HELD = 64_000_000  # bytes, of the bodies of all requests together
MAX_INTEGER = 1_000_000_000
_INTEGER = re.compile(r"-?[0-9]{1,9}")


class Refused(OneLine):
    """A request that is not served.

    Args:
        status: The HTTP status, 400 or above.
        line: What was expected.
    """

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


def refusal(status: int, line: str) -> JSONResponse:
    """The answer to a request that is not served. The connection is closed, body unread."""
    return JSONResponse({"error": line}, status, {"Connection": "close"})


class BodyReader:
    """Reads bodies into memory, of limited size each and together."""

    def __init__(self) -> None:
        self.held = 0  # bytes

    @asynccontextmanager
    async def read(self, request: Request, media_type: str, limit: int) -> AsyncIterator[bytes]:
        """Hold the body of a request.

        Args:
            request: The request.
            media_type: The Content-Type that it must have. None of those that a form can send: for
                others a browser asks the server first, and this server never agrees.
            limit: In bytes.

        Raises:
            Refused: Another type, or too many bytes.
        """
        check_type(request, media_type)
        if int(request.headers.get("content-length", 0)) > limit:
            raise _too_large(limit)
        body = bytearray()
        size = 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                self.held += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if self.held > MAX_HELD:
                    raise Refused(503, "the server is busy: try again later")
                body += chunk
            yield bytes(body)
        finally:
            self.held -= size


def check_type(request: Request, media_type: str) -> None:
    """Refuse (415) a request whose body has another type, or is compressed."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Refused(415, f"Content-Type is {given[:40]!r}, expected {media_type}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "the body is compressed, expected no Content-Encoding")


def fields(body: bytes) -> Mapping[str, object]:
    """The fields of a JSON object.

    Raises:
        Refused: The body is no JSON object.

    >>> fields(b'{"net": 0}')
    {'net': 0}
    """
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is not JSON") from error
    if not isinstance(content, dict):
        raise Refused(400, "the body is JSON, but not an object")
    return content


def number(text: str) -> object:
    """The integer that a field of the address holds; other texts as they are.

    >>> number("-1"), number("1.5"), number("1" * 99)[:3]
    (-1, '1.5', '111')
    """
    return int(text) if _INTEGER.fullmatch(text) else text


def integer(
    given: Mapping[str, object], name: str, low: int, high: int, default: int | None = None
) -> int:
    """The only field of a request: an integer from ``low`` to ``high``.

    Raises:
        Refused: It is missing, of another type or out of range, or there are further fields.

    >>> integer({"net": 1}, "net", 0, 1)
    1
    """
    if unknown := sorted(set(given) - {name}):
        raise Refused(400, f"unknown field {unknown[0][:40]!r}, expected {name}")
    value = given.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise Refused(400, f"{name}: expected an integer from {low} to {high}")
    return value


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is too large: expected up to {limit:,} bytes")
