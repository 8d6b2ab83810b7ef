"""Connections to the page: limited in number, and in the time that they may wait."""

import socket
from contextlib import closing

import pytest
from ledger import Ledger
from page_client import PageClient, served

pytest.importorskip("uvicorn", reason="pip install 'deepdigits[demo]'")

HALF = b"POST /api/nets HTTP/1.1\r\nHost: {host}\r\n"
BODY = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
PARTS = {
    "nothing": b"",
    "half a line": HALF[:9],
    "half of the headers": HALF,
    "half of the body": HALF + BODY,
    "an answer was sent": HALF + BODY + b"}",
    "half of a second request": HALF + BODY + b"}" + HALF,
}


@pytest.fixture(scope="module")
def page(data_folder) -> PageClient:
    return served()


@pytest.fixture
def quick(page: PageClient, monkeypatch: pytest.MonkeyPatch) -> PageClient:
    """The page, where a connection may wait for half a second."""
    monkeypatch.setattr("deepdigits.demo.connections.LimitedConnection.seconds", 0.5)
    return page


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of a connection, for a minute at most."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("part", PARTS)
def test_connection_that_keeps_the_server_waiting_is_closed(
    part: str, quick: PageClient, ledger: Ledger
) -> None:
    content = PARTS[part].replace(b"{host}", quick.host.encode())
    with (
        ledger("half-sent request to the page: closed in limited time"),
        closing(quick.open()) as connection,
    ):
        connection.sendall(content)
        assert is_closed(connection)


def test_connection_that_reads_no_answer_is_closed(quick: PageClient, ledger: Ledger) -> None:
    request = (HALF + BODY + b"}").replace(b"{host}", quick.host.encode())
    with (
        ledger("half-sent request to the page: closed in limited time"),
        closing(quick.open()) as connection,
        pytest.raises(ConnectionError),  # a timeout is none
    ):
        while True:
            connection.sendall(1_000 * request)


def test_request_that_arrives_slowly_but_in_time_is_answered(page: PageClient) -> None:
    with closing(page.open()) as connection:
        for part in (HALF, BODY, b"}"):
            connection.sendall(part.replace(b"{host}", page.host.encode()))
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_page_answers_beside_500_half_sent_requests(page: PageClient, ledger: Ledger) -> None:
    with ledger("500 half-sent requests to the page: 100 are held, others are answered", 500):
        held = [page.open(HALF) for _ in range(500)]
        assert page.call("nets").status == 200
        for connection in held:
            connection.setblocking(False)
        are_open = [is_open(connection) for connection in held]
        assert sum(are_open) <= 100 and are_open[-1]  # the newest ones
        for connection in held:
            connection.close()


def is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
