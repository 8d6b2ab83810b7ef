"""A browser, its pages and its screenshots."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, started_browser

SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright", reason="playwright is not installed: make setup")
    if chromium() is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with started_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of its own, that may ask this machine only and must not stumble."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(30_000)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    here = ("http://127.0.0.1:", "data:", "blob:")
    assert [url for url in asked if not url.startswith(here)] == []
    assert errors == []


@pytest.fixture
def screenshot(page: Any, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Keeps a picture of the page, under the name of the test."""

    def take(suffix: str = "") -> Path:
        path = SCREENSHOTS / f"{request.node.name.removeprefix('test_')}{suffix}.png"
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)  # charts come in slowly
        page.screenshot(path=path)
        return path

    return take
