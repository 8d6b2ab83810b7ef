"""Answer the page and programs of this machine, and no page of another site.

A browser lets any site send requests to 127.0.0.1, and a site can give its own name the address
127.0.0.1 (DNS rebinding). So each request is checked for the name it was sent to and the page it
comes from.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepdigits.demo.requests import refusal

NAMES = ("127.0.0.1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer, a browser may hide the page's own origin
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests of other sites, and adds the headers that keep them out.

    Args:
        app: The application to guard.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with status 403 before its body is read."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        line = reason_to_refuse(scope)
        app = self.app if line is None else refusal(403, line)
        await app(scope, receive, send_with_headers)


def reason_to_refuse(scope: Scope) -> str | None:
    """One line if a request was sent to another name, or by a page of another site.

    >>> def scope(host, **headers):
    ...     raw = [(b"host", host), *((k.encode(), v) for k, v in headers.items())]
    ...     return {"server": ("127.0.0.1", 7860), "method": "POST", "path": "/", "headers": raw}
    >>> reason_to_refuse(scope(b"localhost:7860", origin=b"http://localhost:7860"))
    >>> reason_to_refuse(scope(b"evil.example:7860"))
    'the request is for another server: open http://127.0.0.1:7860'
    >>> reason_to_refuse(scope(b"localhost:7860", origin=b"null"))
    'the request comes from another site: open http://127.0.0.1:7860'
    """
    port = scope["server"][1]  # of the socket, not of a header
    own = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
    headers = Headers(scope=scope)
    hosts = [host.lower() for host in headers.getlist("host")]
    if len(hosts) != 1 or hosts[0] not in own:
        return f"the request is for another server: open http://{NAMES[0]}:{port}"
    origins = headers.getlist("origin")  # programs send none; browsers do with each POST
    if any(origin.lower() != f"http://{hosts[0]}" for origin in origins) or not _is_own(scope):
        return f"the request comes from another site: open http://{NAMES[0]}:{port}"
    return None


def _is_own(scope: Scope) -> bool:
    """Whether a request comes from the page itself, from its user, or from a program.

    A link of another site may open the page in a window, but nothing else of it.
    """
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    visit = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return (scope["method"], scope["path"]) == ("GET", "/") and visit == ("navigate", "document")
