"""Full disks and read-only disks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ledger import Ledger
from shell import finish
from trainings import RUN, TRAIN, same_run

from deepdigits.runs.checkpoint import load

# Sizes of the disk of lightning_logs: for one or two checkpoints of 1.3 MB, and a part of another.
SIZES = ("2000k", "3000k", "3700k")


@pytest.mark.reliability
@pytest.mark.parametrize("size", SIZES)
def test_full_disk_ends_in_one_line_and_earlier_checkpoints_load(
    size: str, mount: Callable[..., Path], tmp_path: Path, ledger: Ledger
) -> None:
    mount("lightning_logs", f"size={size}")
    with ledger("disk full in a training: one line, the earlier checkpoints load"):
        code, text = finish(TRAIN, tmp_path)
        assert code == 1, text
        assert text.splitlines()[-1].startswith("deepdigits: error: "), text
        assert "No space left on device" in text.splitlines()[-1]
        assert "Traceback" not in text
        kept = list((tmp_path / RUN / "checkpoints").iterdir())
        assert {path.suffix for path in kept} == {".ckpt"}
        for path in kept:
            load(path)


@pytest.mark.reliability
def test_read_only_folder_of_runs_is_reported_before_training(
    mount: Callable[..., Path], tmp_path: Path, ledger: Ledger
) -> None:
    mount("lightning_logs", "ro")
    with ledger("read-only lightning_logs: reported before training"):
        code, text = finish([*TRAIN, "--trainer.enable_progress_bar", "true"], tmp_path)
        assert code in (1, 2), text
        line = text.splitlines()[-1]
        assert line.startswith("deepdigits: error: ")
        assert "Read-only file system" in line
        assert "loss" not in text  # no epoch was printed


@pytest.mark.reliability
def test_tmpdir_on_another_file_system_changes_nothing(
    mount: Callable[..., Path], unbroken: Path, tmp_path: Path, ledger: Ledger
) -> None:
    tiny = mount("tiny", "size=4k")
    with ledger("TMPDIR on another file system of 4 KB: same weights"):
        code, text = finish(TRAIN, tmp_path, TMPDIR=str(tiny))
        assert code == 0, text
        assert same_run(tmp_path, unbroken)
