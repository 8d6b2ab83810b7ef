"""Requests that the page never makes: refused with one line, and nothing in the terminal."""

import json

import pytest
from hostile_requests import REQUESTS
from ledger import Ledger
from page_client import PageClient, drawing, served

pytest.importorskip("uvicorn", reason="pip install 'deepdigits[demo]'")

PROOF = "hostile page or program sends to the page: refused, one line, nothing in the terminal"


@pytest.fixture(scope="module")
def page(data_folder) -> PageClient:
    return served()


@pytest.mark.parametrize("kind", REQUESTS)
def test_hostile_request_is_refused_in_one_line(
    kind: str, page: PageClient, ledger: Ledger, capfd: pytest.CaptureFixture[str]
) -> None:
    status, request = REQUESTS[kind]
    with ledger(PROOF):
        answer = page.raw(request)
        assert answer.status == status
        assert not [name for name in answer.headers if name.startswith("access-control")]
        line = answer.body.decode()
        if answer.headers["content-type"] == "application/json" and line:
            line = answer.error
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert line.isprintable() and len(line) < 300
        assert capfd.readouterr() == ("", "")


def test_the_page_still_answers(page: PageClient, ledger: Ledger) -> None:
    with ledger(PROOF, 0):
        assert json.loads(page.call("nets").body)[0]["name"] == "mlp"
        assert json.loads(page.predict(drawing()).body)["nets"][0]["text"] == "1"


def test_failure_of_the_server_is_one_line_without_the_request(
    page: PageClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError("a\n\x1b[31mfault " + "x" * 900)

    monkeypatch.setattr("deepdigits.demo.predictions.square_of", fail)
    answer = page.predict(drawing())
    assert (answer.status, answer.error) == (
        500,
        "the server failed: its terminal has the reason",
    )
    printed = capfd.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("deepdigits: error: /api/predict failed: ZeroDivisionError: a \\x1b[31m")
    assert len(line) < 300 and not printed.out
