"""The table counts every failure: in one process and in several."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledger import Ledger

TESTS = """
import os
import pytest

def test_that_passes(ledger):
    with ledger("one thing", 2):
        pass

def test_that_fails(ledger):
    with ledger("one thing", 0) as count:
        count(3)
        assert False

def test_that_fails_elsewhere():
    assert False

def test_that_cannot_be_tried(ledger):
    with ledger("another thing"):
        pytest.skip("no disk")

@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process")
def test_that_ends_its_process(ledger):
    with ledger("a third thing"):
        os._exit(1)
"""


def test_block_that_fails_has_lost_all_its_cases() -> None:
    properties: list[tuple[str, object]] = []
    ledger = Ledger(properties)
    with ledger("a thing", 2):
        pass
    with pytest.raises(ZeroDivisionError), ledger("a thing", 0) as count:
        count(3)
        _ = 1 / 0
    assert [value for _, value in properties] == [("a thing", 2, 0), ("a thing", 3, 3)]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_table_shows_every_test_that_fails(workers: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from ledger_plugin import *\n")
    (tmp_path / "test_proofs.py").write_text(TESTS)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    environment.pop("PYTEST_XDIST_WORKER", None)  # of this test itself
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers]
    done = subprocess.run(
        [*command, str(tmp_path)], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    assert "| one thing | 5 | **3 of 5** |" in lines
    assert "| test_proofs.py::test_that_fails_elsewhere | 1 | **1 of 1** |" in lines
    assert "not tried here: 1 (Skipped: no disk)" in lines
    died = "| test_proofs.py::test_that_ends_its_process | 1 | **1 of 1** |"
    assert (died in lines) == (workers == "2")
