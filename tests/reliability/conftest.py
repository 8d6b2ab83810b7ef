"""Fixtures of the reliability tests: finished runs, a downloaded run, small file systems."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger_plugin import *  # noqa: F403  # its fixture and hooks
from PIL import Image, ImageDraw
from shell import finish
from tampering import CONFIGS, RUN, write_malicious_modules
from trainings import TRAIN


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system for the test."""
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


@pytest.fixture(scope="session")
def unbroken(make_once: Callable[..., Path], data_folder: Path) -> Path:
    """The folder of a run that was never interrupted."""

    def fill(folder: Path) -> None:
        code, text = finish(TRAIN, folder)
        assert code == 0, text

    return make_once("unbroken", fill)


@pytest.fixture(scope="session")
def trained(make_once: Callable[..., Path], data_folder: Path) -> Path:
    """The run folder of a short training of the MLP, tested."""

    def fill(folder: Path) -> None:
        short = ["--trainer.limit_train_batches", "4", "--trainer.max_epochs", "1"]
        debug = ["-c", str(CONFIGS / "trainer" / "debug.yaml"), *short]
        code, text = finish(["train", "-c", str(CONFIGS / "mlp.yaml"), *debug], folder)
        assert code == 0, text

    return make_once("trained", fill) / "lightning_logs" / "mlp" / "version_0"


@pytest.fixture
def downloaded(trained: Path) -> Path:
    """A copy of the trained run in the working directory."""
    shutil.copytree(trained, RUN)
    return Path(RUN)


@pytest.fixture
def canary(downloaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that exists once malicious code has run; see `write_malicious_modules`."""
    return write_malicious_modules(tmp_path, monkeypatch)


@pytest.fixture
def photo() -> Path:
    """A photo of a digit."""
    one = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(one).line((50, 20, 50, 80), fill=0, width=8)
    one.save("one.png")
    return Path("one.png")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The nets that the demo page was started with; it is not really started."""
    server = pytest.importorskip("deepdigits.demo.server")
    nets: list[str] = []
    monkeypatch.setattr(server, "build", lambda readers: [reader.name for reader in readers])
    monkeypatch.setattr(server, "launch", lambda names, *settings, **more: nets.extend(names))
    return nets
