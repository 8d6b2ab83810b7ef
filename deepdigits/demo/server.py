"""The server of the page, reachable from this machine only."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.demo.api import Api, Endpoint
from deepdigits.demo.connections import LimitedConnection
from deepdigits.demo.guard import NAMES, Guard
from deepdigits.demo.requests import refusal
from deepdigits.inference.reader import DigitReader

HOST = NAMES[0]
PORTS = range(7860, 7960)
PAGE = Path(__file__).parent / "page"
# Not from `mimetypes`: browsers run no JavaScript with the type set on some Windows machines.
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def build(readers: Sequence[DigitReader]) -> Starlette:
    """Build the application: the page at ``/``, its files, and the four calls of `Api`.

    Args:
        readers: The nets to show side by side, all with the same classes.
    """
    api = Api(readers)
    calls = (api.predict, api.predict_digit, api.mistakes, api.nets)
    app = Starlette(
        routes=[
            Route("/", _file(PAGE / "index.html")),
            *(Route(f"/page/{path.name}", _file(path)) for path in PAGE.iterdir()),
            *(Route(f"/api/{c.__name__}", Endpoint(c).answer, methods=["POST"]) for c in calls),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _no_such_route},
    )
    app.router.redirect_slashes = False
    return app


def launch(app: Starlette, port: int | None, wait: bool) -> str:
    """Serve, on this machine only.

    Args:
        app: The application of `build`.
        port: None: the first free one from 7860 on.
        wait: Whether to serve until the process is interrupted.

    Returns:
        The address.

    Raises:
        InputError: The port is taken.
    """
    listener = listen([port] if port else PORTS)
    config = uvicorn.Config(
        app,
        http=LimitedConnection,
        ws="none",
        lifespan="off",
        loop="asyncio",
        workers=1,
        log_config=None,
        log_level="critical",  # no request may write to the terminal
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    address = f"http://{HOST}:{listener.getsockname()[1]}/"
    say(f"a page to draw on: {address} (Ctrl-C ends it)")
    while wait and thread.is_alive():
        thread.join(1)  # with a limit: on Windows, Ctrl-C does not end a join without one
    return address


def listen(ports: Sequence[int]) -> socket.socket:
    """A socket that listens on the first free port of several.

    Raises:
        InputError: All of them are taken, or this user may not use them.
    """
    taken = f"port {ports[0]}" if len(ports) == 1 else f"port {ports[0]} and those after it"
    for port in ports:
        try:
            return _listener(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise InputError(
                    f"port {port} cannot be used ({error.strerror}): choose another with --port N"
                ) from error
    raise InputError(f"{taken} is taken: choose another with --port N")


def _listener(port: int) -> socket.socket:
    # With the protocol 0 of socket.create_server, asyncio does not turn off Nagle's algorithm, and
    # each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option lets two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that sends a file of the page, which is read once."""
    content = path.read_bytes()
    media_type = MEDIA_TYPES[path.suffix]

    async def send(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return send


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return refusal(status, "this server has the page and the calls it makes, and nothing else")
