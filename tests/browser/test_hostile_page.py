"""Pages of other sites attack the page to draw on, in a real browser."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from page_client import PageClient, served

pytestmark = pytest.mark.browser
guard = pytest.importorskip("deepdigits.demo.guard", reason="pip install 'deepdigits[demo]'")

ATTACKS = Path(__file__).with_name("hostile_page.js").read_text()


@pytest.fixture
def hostile_port(tmp_path: Path) -> Iterator[int]:
    """A server with an empty page."""
    (tmp_path / "index.html").write_text("<!doctype html><title>hostile</title><body>")
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Method, path and status of each request that another site has sent."""
    recorded = []
    answer = guard.Guard.__call__

    async def record(self: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def send_and_record(message: dict[str, Any]) -> None:
            site = dict(scope["headers"]).get(b"sec-fetch-site")
            if message["type"] == "http.response.start" and site != b"same-origin":
                recorded.append((scope["method"], scope["path"], message["status"]))
            await send(message)

        await answer(self, scope, receive, send_and_record)

    monkeypatch.setattr(guard.Guard, "__call__", record)
    return recorded


@pytest.fixture(scope="module")
def target(data_folder: Path) -> PageClient:
    return served()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "evil.example"])
def test_page_of_another_site_calls_and_reads_nothing(
    name: str, browser, hostile_port: int, target: PageClient, requests
) -> None:
    page = browser.new_page()
    page.goto(f"http://{name}:{hostile_port}/")
    read = page.evaluate(ATTACKS, f"http://{target.host}/")
    page.context.close()
    assert len(read) == 18 and {what for what, text in read.items() if text} == set()
    through = {(method, path) for method, path, status in requests if status != 403}
    assert through == {("GET", "/")}  # the window that it opened, and cannot read
    refused = {path for _, path, status in requests if status == 403}
    assert {"/", "/api/nets", "/api/predict", "/gradio_api/upload", "/page/page.js"} <= refused


def test_name_of_another_site_for_this_machine_shows_nothing(
    browser, target: PageClient, requests
) -> None:
    """What DNS rebinding leads to: for the browser, the page and the attacker are one site."""
    page = browser.new_page()
    answer = page.goto(f"http://evil.example:{target.port}/")
    assert answer.status == 403 and "deepdigits" not in page.title()
    posted = """async () => (await fetch("/api/nets", { method: "POST", body: "{}",
        headers: { "Content-Type": "application/json" } })).status"""
    assert page.evaluate(posted) == 403
    assert {status for _, _, status in requests} == {403}
    page.context.close()
