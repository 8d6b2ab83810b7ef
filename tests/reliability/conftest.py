"""The ledger of `make test-reliability`: what was done, how often, what was lost."""

from collections.abc import Callable, Iterator

import pytest

_rows: dict[str, list[int]] = {}


@pytest.fixture
def ledger() -> Iterator[Callable[..., None]]:
    """Notes a proof that held; called behind the assertions, so a proof that fails is no row."""

    def note(what: str, times: int = 1) -> None:
        _rows.setdefault(what, [0])[0] += times

    yield note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _rows:
        return
    failed = len(terminalreporter.stats.get("failed", []))
    terminalreporter.section("reliability")
    terminalreporter.write_line("| what was done | times | lost |\n|---|--:|--:|")
    for what, (times,) in _rows.items():
        terminalreporter.write_line(f"| {what} | {times:,} | nothing |")
    if failed:
        terminalreporter.write_line(f"and {failed} proofs FAILED: see above")
