"""Limits on files, memory and disks, a user without a home, files in the way: one line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ledger import Ledger
from PIL import Image
from shell import ROOT
from tampering import RUN
from trainings import TRAIN

PROOF = "a limit on files, memory or disk, no home, a file in the way: one line, nothing left"
TORCH = ["export", RUN, "--to", "torch", "--folder", "small"]
ONNX = ["export", RUN, "--int8", "--folder", "small"]
COMMAND = [sys.executable, "-m", "deepdigits"]


def refusal(*args: str, before: str = ":") -> tuple[int, str]:
    """Exit code and only line of a command line, after commands of a shell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = ["bash", "-c", f'{before}; exec "$@"', "bash", *COMMAND, *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("deepdigits: error: "), done.stderr
    return done.returncode, line


@pytest.mark.reliability
@pytest.mark.parametrize("blocks", ["2", "100", "400", "1000"])
@pytest.mark.usefixtures("trained")
def test_limit_on_the_size_of_a_file(blocks: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        code, line = refusal(*TRAIN, before=f"ulimit -f {blocks}")
        assert (code, "File too large" in line) == (1, True)
        assert not list(Path().rglob("*.*.part"))


@pytest.mark.reliability
@pytest.mark.parametrize("args", [TRAIN, ["report", RUN], ["classify", "one.png"]])
@pytest.mark.parametrize("megabytes", [300, 1500, 3000])
@pytest.mark.usefixtures("downloaded", "photo")
def test_limit_on_memory(megabytes: int, args: list[str], ledger: Ledger) -> None:
    with ledger(PROOF):
        code, line = refusal(*args, before=f"ulimit -v {1000 * megabytes}")
        assert (code, "not enough memory" in line) == (1, True)


@pytest.mark.reliability
@pytest.mark.parametrize("path", ["lightning_logs", "lightning_logs/mlp", "lightning_logs/mlp/a"])
def test_file_in_place_of_a_folder_of_runs(path: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
        code, line = refusal(*TRAIN)
        assert (code, path in line, "in the way" in line) == (2, True, True)


@pytest.mark.reliability
@pytest.mark.parametrize("args", [TRAIN, ["export", "mlp", "--to", "safetensors"]])
def test_user_without_a_home(args: list[str], ledger: Ledger) -> None:
    names = ("HOME", "XDG_CACHE_HOME", "DEEPDIGITS_DATA")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    keep = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    user = ["setpriv", "--reuid", "123456", "--clear-groups", *keep]
    if os.geteuid() or subprocess.run([*user, "true"], capture_output=True).returncode:
        pytest.skip("this user may not become another one")
    with ledger(PROOF):
        command = [*user, *COMMAND, *args]
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        line = done.stderr.splitlines()[-1]
        assert (done.returncode, "set HOME" in line) == (1, True), done.stderr


@pytest.mark.reliability
@pytest.mark.parametrize("size", ["60k", "450k", "600k"])
@pytest.mark.parametrize("args", [TORCH, ONNX], ids=["torch", "int8"])
@pytest.mark.usefixtures("downloaded")
def test_export_to_a_full_disk(
    args: list[str], size: str, mount: Callable[..., Path], ledger: Ledger
) -> None:
    small = mount("small", f"size={size}")
    with ledger(PROOF):
        code, line = refusal(*args)
        assert (code, "No space left on device" in line) == (1, True)
        assert os.listdir(small) == []


@pytest.mark.reliability
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "svg", "pdf"])
@pytest.mark.usefixtures("photo")
def test_picture_on_a_full_disk(suffix: str, mount: Callable[..., Path], ledger: Ledger) -> None:
    small = mount("small", "size=8k")
    with ledger(PROOF):
        code, line = refusal("classify", "one.png", "--show", f"small/a.{suffix}")
        assert (code, "No space left on device" in line) == (1, True)
        assert os.listdir(small) == []


@pytest.mark.reliability
def test_picture_of_thousands_of_blobs_is_no_digit(ledger: Ledger) -> None:
    page = np.full((1024, 1024), 255, np.uint8)
    page[2::2, 2:] = np.tile([0, 0, 0, 255, 255], 205)[:1022]  # 104,000 dashes
    Image.fromarray(page).save("dashes.png")
    with ledger("picture of 100,000 blobs: no digit, and no more pieces are compared than 2,000"):
        command = [*COMMAND, "classify", "dashes.png", "--format", "json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
        assert json.loads(done.stdout)[0]["digits"] == []
