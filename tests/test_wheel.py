"""The wheel carries all it needs: installed elsewhere, it trains."""

import json
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
    # The wheel is built from the sdist, as pip does; .ci/run checks one that is built from here.
    pack = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(pack, cwd=ROOT, check=True)
    (sdist,) = tmp_path.glob("deepdigits-*.tar.gz")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", tmp_path, sdist], check=True)
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
    (tmp_path / "empty").mkdir()

    def deepdigits(*args):
        ended = subprocess.run(
            [python.parent / "deepdigits", *args],
            cwd=tmp_path / "empty",
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    few = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "20"]
    assert "10000" in deepdigits("train", "-c", "mlp", *few)
    assert (tmp_path / "empty" / "lightning_logs" / "mlp" / "version_0" / "report.json").is_file()
    shown = {
        config["name"]: config for config in json.loads(deepdigits("configs", "--format=json"))
    }
    assert shown.keys() == {path.stem for path in (ROOT / "configs").rglob("*.yaml")}
    assert all(config["file"].startswith(str(tmp_path / "env")) for config in shown.values())
    assert deepdigits("configs", "record") == (ROOT / "configs/recipes/record.yaml").read_text()
    where = subprocess.run(
        [python, "-c", "import deepdigits; print(deepdigits.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(str(tmp_path / "env"))
