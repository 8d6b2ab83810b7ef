"""The fixture `ledger`, and the hooks of pytest that print its table."""

import pytest
from ledger import Ledger, Table

TABLE = Table()


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Counts what a proof does; see `ledger.Ledger`."""
    return Ledger(request.node.user_properties)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TABLE.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE.rows:
        terminalreporter.section("reliability")
        terminalreporter.write_line(TABLE.to_markdown())
