"""A real browser, TensorBoard as `make tensorboard` starts it, and the page to draw on."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: root has none. SwiftShader: the projector draws with WebGL, on a CPU too.
# A name of another site that leads to this machine.
OPTIONS = (
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
)
REPORT = "report/text_summary"  # what a run writes last


def chromium() -> str | None:
    """The browser that is installed; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started_browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # tests skip themselves where it is missing

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(OPTIONS))
        yield browser
        browser.close()


@contextmanager
def started_tensorboard(logs: Path, seconds: float = 60) -> Iterator[str]:
    """Its address on this machine, once it has read the report of each run that has one."""
    runs = {str(report.parent.relative_to(logs)) for report in logs.rglob("report.json")}
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logs.name]
    command += ["--samples_per_plugin", "images=100", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryFile("w+") as output:
        server = subprocess.Popen(command, cwd=logs.parent, stdout=output, stderr=output)
        end = monotonic() + seconds
        try:
            while not (address := _ready(output, runs)):
                if monotonic() > end or server.poll() is not None:
                    output.seek(0)
                    raise RuntimeError(f"TensorBoard is not there in time:\n{output.read()}")
                sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def started_demo(*names: str) -> Iterator[str]:
    """The address of the page to draw on, as `deepdigits demo` serves it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepdigits", "demo", *names, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            if said is None:
                raise RuntimeError("the page is not there")
            yield said[0]
        finally:
            server.terminate()


def _ready(output: Any, runs: set[str]) -> str | None:
    output.seek(0)
    said = re.search(r"http://127\.0\.0\.1:\d+", output.read())
    if said is None:
        return None
    listed = ask(said[0], "plugin/text/tags")
    read = {run for run, tags in listed.items() if REPORT in tags}
    # The projector says that it is there only some time after it was asked first.
    ready = runs <= read and ask(said[0], "plugins_listing")["projector"]["enabled"]
    return said[0] if ready else None


def ask(address: str, what: str) -> Any:
    """What TensorBoard serves to its own page."""
    with urlopen(f"{address}/data/{what}", timeout=30) as answer:
        return json.load(answer)


VISIBLE_TEXT = """() => {
    const texts = [];
    const walk = node => {
        if (node.nodeType === Node.TEXT_NODE) {
            const parent = node.parentElement;
            const shown = parent ? parent.checkVisibility() && parent.tagName !== "STYLE" : true;
            if (shown && node.data.trim()) texts.push(node.data.trim());
        }
        for (const child of node.shadowRoot?.childNodes ?? []) walk(child);
        for (const child of node.childNodes) walk(child);
    };
    walk(document.body);
    return texts;
}"""


def texts(page: Page) -> list[str]:
    """The pieces of text that the page shows, in its order, those inside of components too."""
    return page.evaluate(VISIBLE_TEXT)


def wait_for_texts(page: Page, *wanted: str, seconds: float = 30) -> list[str]:
    """All that the page shows, once each of these is among it."""
    end = monotonic() + seconds
    while missing := set(wanted) - set(shown := texts(page)):
        assert monotonic() < end, f"not on the page: {sorted(missing)}, but {shown}"
        page.wait_for_timeout(100)
    return shown


def open_tab(page: Page, address: str, tab: str) -> None:
    """Show a tab of TensorBoard, without what another one has left open."""
    page.goto("about:blank")
    page.goto(f"{address}/#{tab}")
