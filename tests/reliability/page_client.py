"""A client of the page to draw on that can also send what no browser would."""

import http.client
import io
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from deepdigits.inference.load import load


@dataclass(frozen=True)
class Answer:
    """What the server sent: status, headers with small letters, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The line of an error of the application."""
        (line,) = json.loads(self.body).values()
        return line


@dataclass(frozen=True)
class PageClient:
    """Sends requests to a port of this machine."""

    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A request as a program sends it; names of headers with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            return read(connection.getresponse())
        finally:
            connection.close()

    def call(self, name: str, **fields: Any) -> Answer:
        """One of the calls with fields."""
        return self.send(
            "POST", f"/api/{name}", json.dumps(fields), Content_Type="application/json"
        )

    def predict(self, content: bytes, query: str = "") -> Answer:
        return self.send("POST", f"/api/predict{query}", content, Content_Type="image/png")

    def open(self, content: bytes = b"") -> socket.socket:
        """A connection on which these bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(content)
        return connection

    def raw(self, content: bytes) -> Answer:
        """What these bytes are answered with; `{host}` in them is the server's own name."""
        with self.open(content.replace(b"{host}", self.host.encode())) as connection:
            response = http.client.HTTPResponse(connection)
            response.begin()
            return read(response)


def read(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@cache
def served() -> PageClient:
    """The page with the bundled MLP, in a thread of this process, as long as it lives."""
    from deepdigits.demo import server

    address = server.launch(server.build([load("mlp")]), None, wait=False)
    return PageClient(int(address.rstrip("/").rpartition(":")[2]))


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def drawing() -> bytes:
    """A PNG of a 1."""
    page = np.full((300, 300), 255, np.uint8)
    page[60:240, 140:160] = 0
    return encoded(Image.fromarray(page))
