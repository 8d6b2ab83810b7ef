"""The ledger counts what is lost: a proof that fails is no row without a loss."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledger import Ledger, Row

PROOFS = """
import pytest

def test_that_holds(ledger):
    with ledger("one thing", 2):
        pass

def test_that_fails(ledger):
    with ledger("one thing", 0) as did:
        did(3)
        assert False

def test_that_fails_elsewhere():
    assert False

def test_that_cannot_be_tried(ledger):
    with ledger("another thing"):
        pytest.skip("no disk")
"""


def test_proof_that_fails_has_lost_what_it_did() -> None:
    ledger = Ledger()
    with ledger("a thing", 2):
        pass
    with pytest.raises(ZeroDivisionError), ledger("a thing", 0) as did:
        did(3)
        _ = 1 / 0
    assert ledger.rows == {"a thing": Row(times=5, lost=3)}


def test_table_shows_every_test_that_fails(tmp_path: Path) -> None:
    here = Path(__file__).parent
    (tmp_path / "conftest.py").write_text((here / "conftest.py").read_text())
    (tmp_path / "test_proofs.py").write_text(PROOFS)
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parents[1]}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    assert "| one thing | 5 | **3 of 5** |" in lines
    assert "| test_proofs.py::test_that_fails_elsewhere | 1 | **1 of 1** |" in lines
    assert "not tried here: 1 (Skipped: no disk)" in lines
