"""The wheel carries all it needs: installed elsewhere, it trains."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow  # .ci/run runs it by itself
def test_installed_wheel_trains_from_another_folder(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("deepdigits-*.whl")
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # It sees what is installed here, but not the editable deepdigits: that is a .pth file too, and
    # those are read in a site folder only, not in one that a .pth file names.
    Path(purelib, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--quiet", wheel], check=True)

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["DEEPDIGITS_DATA"] = str(tmp_path / "data")
    few = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "20"]
    ended = subprocess.run(
        [python.parent / "deepdigits", "train", "--model", "LitMLP", *few],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "10000" in ended.stdout
    where = subprocess.run(
        [python, "-c", "import deepdigits; print(deepdigits.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(str(tmp_path / "env"))
