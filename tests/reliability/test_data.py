"""Damaged data is found and mended, and several runs may start at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from shell import finish, output, start
from trainings import TRAIN, same_run

from deepdigits.data import datasets
from deepdigits.data.catalogue import CATALOGUE
from deepdigits.errors import InputError

FILES = CATALOGUE["mnist"].files


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES = {"a bit flipped": flipped, "a byte missing": lambda d: d[:-1], "empty": lambda d: b""}


@pytest.mark.reliability
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_damaged_file_and_archive(
    file: str,
    damage: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Callable[..., None],
) -> None:
    datasets.prepare("mnist", tmp_path)
    path = tmp_path / "MNIST" / "raw" / file
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    with pytest.raises(InputError, match=file):
        datasets.load("mnist", tmp_path, train=file.startswith("train"))
    datasets.prepare("mnist", tmp_path)
    assert path.read_bytes() == whole
    ledger("4 data files x 3 kinds of damage: found and mended")

    archives = tmp_path / "package" / "mnist"
    archives.mkdir(parents=True)
    for archive in (datasets.files("deepdigits.data") / "mnist").iterdir():
        content = archive.read_bytes()
        damaged = archive.name == f"{file}.gz"
        (archives / archive.name).write_bytes(DAMAGES[damage](content) if damaged else content)
    monkeypatch.setattr(datasets, "files", lambda package: archives.parent)
    with pytest.raises(InputError, match=f"{file}.gz"):
        datasets.prepare("mnist", tmp_path / "new")
    ledger("4 embedded archives x 3 kinds of damage: named")


@pytest.mark.reliability
def test_four_first_runs_at_once(tmp_path: Path, ledger: Callable[..., None]) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    data = str(tmp_path / "data")
    processes = [start(TRAIN, folder, DEEPDIGITS_DATA=data) for folder in folders]
    for process, folder in zip(processes, folders, strict=True):
        process.join()
        assert process.exitcode == 0, output(folder)
    for folder in folders[1:]:
        assert same_run(folder, folders[0])
    assert finish(TRAIN, folders[0], DEEPDIGITS_DATA=data)[0] == 0
    ledger("4 first runs at once into one data folder: same weights and report", 4)
