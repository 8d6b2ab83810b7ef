"""Locks between processes, one of which child processes inherit."""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

import deepdigits
from deepdigits.core.errors import InputError
from deepdigits.core.locks import exclusive_lock, locked, sole_lock

ROOT = Path(deepdigits.__file__).parents[1]
needs_fcntl = pytest.mark.skipif(os.name == "nt", reason="Windows has no fcntl")

DIES_AND_LEAVES_A_TRAINING = """
import os, subprocess, sys
from pathlib import Path
from deepdigits.core.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1])) as descriptors:
    code = "import sys, time; time.sleep(1.5); open(sys.argv[1], 'w').close()"
    subprocess.Popen([sys.executable, "-c", code, sys.argv[2]], pass_fds=descriptors)
    os._exit(9)
"""

HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from deepdigits.core.locks import locked
with locked(Path(sys.argv[1]), "choose another"):
    print("locked", flush=True)
    time.sleep(1)
    Path(sys.argv[1], "done").touch()
"""


@needs_fcntl
def test_the_next_call_waits_for_a_training_whose_parent_was_killed(tmp_path, capfd):
    done = tmp_path / "done"
    script = [sys.executable, "-c", DIES_AND_LEAVES_A_TRAINING, str(tmp_path / "mlp"), str(done)]
    assert subprocess.run(script, check=False, cwd=ROOT).returncode == 9
    assert not done.exists()
    with exclusive_lock(tmp_path / "mlp"):
        assert done.exists()
    assert "waiting for its end" in capfd.readouterr().out


@needs_fcntl
def test_it_is_free_again_afterwards(tmp_path, capfd):
    start = monotonic()
    for _ in range(2):
        with exclusive_lock(tmp_path / "mlp"):
            pass
    assert monotonic() - start < 1
    assert capfd.readouterr().out == ""


def test_a_second_process_waits_for_the_folder(tmp_path):
    script = [sys.executable, "-c", HOLDS_THE_LOCK, str(tmp_path / "raw")]
    with subprocess.Popen(script, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with locked(tmp_path / "raw", "choose another"):
            assert (tmp_path / "raw" / "done").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "mlp").write_text("a file")
    with pytest.raises(InputError, match="mlp cannot be written"), exclusive_lock(tmp_path / "mlp"):
        pass
    with (
        pytest.raises(InputError, match=r"mlp cannot be written \(.*\): choose another$"),
        locked(tmp_path / "mlp", "choose another"),
    ):
        pass


def test_a_second_training_does_not_wait(tmp_path):
    with (
        sole_lock(tmp_path),
        pytest.raises(InputError, match="another training is running"),
        sole_lock(tmp_path),
    ):
        pass
    with sole_lock(tmp_path):  # free again
        pass


def test_a_lock_that_is_a_link_changes_nothing(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / ".lock").symlink_to(mine)
    with pytest.raises(InputError, match="not a plain file"), sole_lock(tmp_path):
        pass
    assert mine.read_text() == "mine"
