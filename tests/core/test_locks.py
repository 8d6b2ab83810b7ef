"""A lock that outlives its process in what it started."""

import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from deepdigits.core import locks as lock
from deepdigits.core.errors import InputError

pytest.importorskip("fcntl", reason="no such locks on this system")

DIES_AND_LEAVES_A_RUN = """
import os, subprocess, sys
from pathlib import Path
from deepdigits.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])) as held:
    run = "import sys, time; time.sleep(1.5); open(sys.argv[1], 'w').close()"
    subprocess.Popen([sys.executable, "-c", run, sys.argv[2]], pass_fds=held)
    os._exit(9)
"""


def test_who_comes_next_waits_for_the_run_that_was_left(tmp_path, capfd):
    done = tmp_path / "done"
    command = [sys.executable, "-c", DIES_AND_LEAVES_A_RUN, str(tmp_path / "mlp"), str(done)]
    subprocess.run(command, check=False, cwd=Path(lock.__file__).parents[2])
    assert not done.exists()
    with lock.exclusive_lock(tmp_path / "mlp"):
        assert done.exists()
    assert "waiting for its end" in capfd.readouterr().out


def test_it_is_free_again_afterwards(tmp_path, capfd):
    start = monotonic()
    for _ in range(2):
        with lock.exclusive_lock(tmp_path / "mlp"):
            pass
    assert monotonic() - start < 1
    assert capfd.readouterr().out == ""


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "mlp").write_text("a file")
    with (
        pytest.raises(InputError, match="mlp cannot be written"),
        lock.exclusive_lock(tmp_path / "mlp"),
    ):
        pass
