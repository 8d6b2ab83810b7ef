"""Damaged data is found and restored; several runs may start at once; a disk may be read-only."""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import pytest
import torchvision.datasets
from ledger import Ledger
from shell import finish, output, start
from trainings import TRAIN, same_run

from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.data.registry import DATASETS

FILES = DATASETS["mnist"].files


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


CORRUPTIONS = {"a bit flipped": flipped, "a byte missing": lambda d: d[:-1], "empty": lambda d: b""}


@pytest.mark.reliability
@pytest.mark.parametrize("damage", CORRUPTIONS)
@pytest.mark.parametrize("file", FILES)
def test_damaged_file_is_restored(file: str, damage: str, tmp_path: Path, ledger: Ledger) -> None:
    with ledger("4 data files x 3 kinds of damage: found, restored from the archive"):
        sources.prepare("mnist", tmp_path)
        path = tmp_path / "MNIST" / "raw" / file
        whole = path.read_bytes()
        path.write_bytes(CORRUPTIONS[damage](whole))
        with pytest.raises(InputError, match=file):
            sources.load("mnist", tmp_path, train=file.startswith("train"))
        sources.prepare("mnist", tmp_path)
        assert path.read_bytes() == whole


@pytest.mark.reliability
@pytest.mark.parametrize("damage", CORRUPTIONS)
@pytest.mark.parametrize("file", FILES)
def test_damaged_archive_is_named(
    file: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger("4 embedded archives x 3 kinds of damage: named"):
        archives = tmp_path / "package" / "mnist"
        archives.mkdir(parents=True)
        for archive in (sources.files("deepdigits.data") / "mnist").iterdir():
            content = archive.read_bytes()
            damaged = archive.name == f"{file}.gz"
            (archives / archive.name).write_bytes(
                CORRUPTIONS[damage](content) if damaged else content
            )
        monkeypatch.setattr(sources, "files", lambda package: archives.parent)
        with pytest.raises(InputError, match=f"{file}.gz"):
            sources.prepare("mnist", tmp_path / "new")


def test_torchvision_itself_reads_a_flipped_bit(tmp_path: Path) -> None:
    """The reason for the checksums: torchvision only tests that the extracted files exist."""
    sources.prepare("mnist", tmp_path)
    path = tmp_path / "MNIST" / "raw" / FILES[2]
    path.write_bytes(flipped(path.read_bytes()))
    damaged = torchvision.datasets.MNIST(tmp_path, train=False).data
    sources.prepare("mnist", tmp_path)
    assert not damaged.equal(sources.load("mnist", tmp_path, train=False)[0])


@pytest.mark.reliability
def test_four_first_runs_at_once(unbroken: Path, tmp_path: Path, ledger: Ledger) -> None:
    with ledger("4 first runs at once into one data folder: same weights and report", 4):
        folders = [tmp_path / str(number) for number in range(4)]
        for folder in folders:
            folder.mkdir()
        data = str(tmp_path / "data")
        processes = [start(TRAIN, folder, DEEPDIGITS_DATA=data) for folder in folders]
        for process, folder in zip(processes, folders, strict=True):
            process.join()
            assert process.exitcode == 0, output(folder)
            assert same_run(folder, unbroken)


@pytest.mark.usefixtures("no_network")
def test_without_the_lock_one_run_damages_the_archives_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for the lock: a second run overwrites the archives that the first one unpacks."""
    copy, download = sources.copy_atomically, sources._download
    first, half_there, over = current_thread(), Event(), Event()

    def prepare_too() -> None:
        with suppress(InputError):
            sources.prepare("mnist", tmp_path)

    def halting(source: Path, target: Path) -> None:
        if current_thread() is not first and not half_there.is_set():
            target.write_bytes(source.read_bytes()[:1000])
            half_there.set()
            over.wait(60)
        copy(source, target)

    def meanwhile(*args: Any) -> None:
        if current_thread() is first:
            second.start()
            half_there.wait(60)
        download(*args)

    second = Thread(target=prepare_too, daemon=True)
    free = lambda folder, advice: nullcontext(folder.mkdir(parents=True, exist_ok=True))  # noqa: E731
    for name, stand_in in (
        ("locked", free),
        ("copy_atomically", halting),
        ("_download", meanwhile),
    ):
        monkeypatch.setattr(sources, name, stand_in)
    with pytest.raises(InputError, match="could not be downloaded"):
        sources.prepare("mnist", tmp_path)
    over.set()
    second.join(60)


@pytest.mark.reliability
def test_data_folder_may_be_read_only(
    mount: Callable[..., Path],
    data_folder: Path,
    unbroken: Path,
    tmp_path: Path,
    ledger: Ledger,
) -> None:
    data = mount("data", "size=80m")
    shutil.copytree(data_folder / "MNIST", data / "MNIST")
    subprocess.run(["mount", "-o", "remount,ro", data], check=True)
    with ledger("read-only data folder with the data in it: same weights and report"):
        with pytest.raises(OSError, match="Read-only file system"):
            (data / "a").touch()
        code, text = finish(TRAIN, tmp_path, DEEPDIGITS_DATA=str(data))
        assert code == 0, text
        assert same_run(tmp_path, unbroken)
