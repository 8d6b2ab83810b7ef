"""What the proofs share: the ledger that they write, and files of strangers for them to open."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger import Ledger
from PIL import Image, ImageDraw
from shell import finish
from strangers import CONFIGS, RUN, lay_evil
from trainings import TRAIN

from deepdigits.__main__ import run

LEDGER = Ledger()


@pytest.fixture
def ledger() -> Ledger:
    """Where a proof says what it does; see `ledger.Ledger`."""
    return LEDGER


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        LEDGER.failed(report.nodeid)
    elif report.skipped:
        LEDGER.skipped(str(report.longrepr[2] if isinstance(report.longrepr, tuple) else ""))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEDGER.rows:
        terminalreporter.section("reliability")
        terminalreporter.write_line(LEDGER.table())


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


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """The folder of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("unbroken")
    code, said = finish(TRAIN, folder)
    assert code == 0, said
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """A short run of the MLP, tested."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        short = ["--trainer.limit_train_batches", "4", "--trainer.max_epochs", "1"]
        debug = ["-c", str(CONFIGS / "trainer" / "debug.yaml"), *short]
        run(["train", "-c", str(CONFIGS / "mlp.yaml"), *debug])
    return folder / "lightning_logs" / "mlp" / "version_0"


@pytest.fixture
def found(trained: Path) -> Path:
    """A copy of it in the working directory, as it was downloaded."""
    shutil.copytree(trained, RUN)
    return Path(RUN)


@pytest.fixture
def canary(found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that appears when code runs; the module that makes it is there to be imported."""
    yield from lay_evil(tmp_path, monkeypatch)


@pytest.fixture
def photo() -> Path:
    """A photo of a digit, for the doors that want one."""
    one = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(one).line((50, 20, 50, 80), fill=0, width=8)
    one.save("one.png")
    return Path("one.png")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page was started for, in place of starting it."""
    server = pytest.importorskip("deepdigits.demo.server")
    nets: list[str] = []
    monkeypatch.setattr(server, "build", lambda readers: [reader.name for reader in readers])
    monkeypatch.setattr(server, "launch", lambda names, *settings, **more: nets.extend(names))
    return nets
