"""Disks that are full, or that cannot be written."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shell import finish
from trainings import RUN, TRAIN

from deepdigits.checkpoint import load


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system; taken away in the end."""
    mounted = []

    def make(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this user may not mount a file system")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.reliability
@pytest.mark.parametrize("kilobytes", [3000, 3700])
def test_full_disk_ends_in_one_line_and_earlier_checkpoints_load(
    kilobytes: int, mount: Callable[..., Path], tmp_path: Path, ledger: Callable[..., None]
) -> None:
    mount("lightning_logs", f"size={kilobytes}k")
    code, said = finish(TRAIN, tmp_path)
    assert code == 1, said
    assert said.splitlines()[-1].startswith("deepdigits: error: "), said
    assert "No space left on device" in said.splitlines()[-1]
    assert "Traceback" not in said
    for path in (tmp_path / RUN / "checkpoints").glob("*.ckpt"):
        load(path)
    ledger("disk full in a training: one line, earlier checkpoints load")


@pytest.mark.reliability
def test_folder_of_runs_that_cannot_be_written_is_told_before_training(
    mount: Callable[..., Path], tmp_path: Path, ledger: Callable[..., None]
) -> None:
    mount("lightning_logs", "ro")
    code, said = finish(TRAIN, tmp_path)
    assert code in (1, 2), said
    assert "Read-only file system" in said.splitlines()[-1]
    assert "Traceback" not in said
    ledger("lightning_logs cannot be written: told before training")


@pytest.mark.reliability
def test_tmpdir_on_another_file_system_changes_nothing(
    mount: Callable[..., Path], tmp_path: Path, ledger: Callable[..., None]
) -> None:
    code, said = finish(TRAIN, tmp_path, TMPDIR=str(mount("tiny", "size=4k")))
    assert code == 0, said
    ledger("TMPDIR on another file system of 4 KB: trained")
