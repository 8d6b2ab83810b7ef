"""Progress: a bar on a terminal, lines elsewhere, nothing for short work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import deepdigits
from deepdigits.core import progress as module
from deepdigits.core.progress import progress

SCRIPT = """
import time
from deepdigits.core.progress import progress
with progress("dataset     a[b]", 1_200, "images decoded") as advance:
    for _ in range(4):
        advance(300)
        time.sleep({})
"""


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("a", 10, "things done") as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", -1)
    with progress("a", 2_000, "things done") as advance:
        advance(1_000)
        advance(500)
    assert (
        capsys.readouterr().err == "a: 1,000 of 2,000 things done\na: 1,500 of 2,000 things done\n"
    )


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("seconds", [0, 0.6])
def test_a_bar_on_a_terminal(seconds: float) -> None:
    own, terminal = os.openpty()
    package = str(Path(deepdigits.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "TERM": "xterm", "COLUMNS": "120"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seconds)], stderr=terminal, env=environment, check=True
    )
    os.close(terminal)
    shown = os.read(own, 100_000) if seconds else b""
    os.close(own)
    assert (b"1,200 of 1,200 images decoded" in shown) == bool(seconds)
    assert (b"a[b]" in shown) == bool(seconds)
