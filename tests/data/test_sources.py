"""Dataset files: prepared without a network, verified, repaired; errors with advice."""

import gzip
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets
from filelock import FileLock

import deepdigits
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.data.registry import DATASETS
from deepdigits.data.sources import load, prepare

FILES = DATASETS["mnist"].files
ARCHIVES = [f"{file}.gz" for file in FILES]
# Known values of the training set: digits of each class, mean pixel (of 255).
COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MEAN = 33.318421


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each entry: they change if anything in the folder is written."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
    }


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def overwrite(path: Path) -> None:
    path.write_bytes(b"")


CORRUPTIONS = pytest.mark.parametrize("damage", [flip_a_bit, truncate, overwrite, Path.unlink])


def one_line(caught: pytest.ExceptionInfo[InputError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def packed(tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Replaces the embedded archives of MNIST by a tiny dataset; returns archive -> bytes."""
    folder = tmp_path / "package" / "mnist"
    folder.mkdir(parents=True)
    archives = {
        f"{file}.gz": gzip.compress((tiny_digits / "MNIST/raw" / file).read_bytes(), mtime=0)
        for file in FILES
    }
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(sources, "files", lambda package: tmp_path / "package")
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", md5_sums(archives))
    return archives


def md5_sums(archives: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(name, hashlib.md5(content).hexdigest()) for name, content in archives.items()]


# ---------------------------------------------------------------- the embedded MNIST


def test_mnist_needs_no_network_and_is_mnist(data_folder: Path, no_network: None) -> None:
    prepare("mnist", data_folder)
    images, labels = load("mnist", data_folder, train=True)
    assert (images.dtype, images.shape) == (torch.uint8, (60_000, 28, 28))
    assert labels.dtype == torch.int64
    assert torch.bincount(labels).tolist() == COUNTS
    assert images.float().mean().item() == pytest.approx(MEAN, abs=1e-3)
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    images, labels = load("mnist", data_folder, train=False)
    assert images.shape == (10_000, 28, 28)
    assert torch.bincount(labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.mark.distributed
def test_two_processes_prepare_one_folder_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from deepdigits.data import sources; import torchvision.datasets\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "sources.prepare('mnist', pathlib.Path(sys.argv[1]))\n"
        "print(*(len(sources.load('mnist', pathlib.Path(sys.argv[1]), t)[0]) for t in (1, 0)))"
    )
    root = Path(deepdigits.__file__).parents[1]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:  # all imports are done: each process starts while another extracts
        time.sleep(0.15)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "60000 10000\n"), err
    files = {path.name for path in (tmp_path / "MNIST" / "raw").glob("[!.]*")}
    assert files == set(FILES)


@pytest.mark.usefixtures("packed")
def test_a_second_process_waits_for_the_first_and_uses_its_files(
    tiny_digits: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    waiting = Thread(target=prepare, args=("mnist", tmp_path), daemon=True)
    with FileLock(raw / ".lock"):
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive()
        assert [path.name for path in raw.iterdir()] == [".lock"]
        for file in FILES:
            (raw / file).write_bytes((tiny_digits / "MNIST" / "raw" / file).read_bytes())
        before = {file: listing(raw / file) for file in FILES}
    waiting.join(timeout=60)
    assert not waiting.is_alive()
    assert {file: listing(raw / file) for file in FILES} == before


@CORRUPTIONS
@pytest.mark.parametrize("file", FILES)
def test_damaged_file_is_replaced_from_the_package(
    file: str, damage: Callable[[Path], None], packed: dict[str, bytes], tmp_path: Path
) -> None:
    prepare("mnist", tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    damage(raw / file)
    with pytest.raises(InputError, match=f"{file} is missing or damaged") as caught:
        load("mnist", tmp_path, train=file.startswith("train"))
    assert str(raw) in one_line(caught)
    prepare("mnist", tmp_path)
    for name in FILES:
        assert (raw / name).read_bytes() == gzip.decompress(packed[f"{name}.gz"])


def test_load_returns_the_content_of_the_files(
    packed: dict[str, bytes], tiny_arrays: dict[str, Any], tmp_path: Path
) -> None:
    prepare("mnist", tmp_path)
    for train, part in ((True, "train"), (False, "t10k")):
        images, labels = load("mnist", tmp_path, train)
        assert np.array_equal(images, tiny_arrays[f"{part}-images-idx3-ubyte"])
        assert np.array_equal(labels, tiny_arrays[f"{part}-labels-idx1-ubyte"])


@CORRUPTIONS
@pytest.mark.parametrize("archive", ARCHIVES)
def test_damaged_embedded_archive_is_named(
    archive: str, damage: Callable[[Path], None], packed: dict[str, bytes], tmp_path: Path
) -> None:
    damage(tmp_path / "package" / "mnist" / archive)
    with pytest.raises(InputError, match="install deepdigits again") as caught:
        prepare("mnist", tmp_path / "data")
    assert archive in one_line(caught)


@pytest.mark.usefixtures("packed")
def test_a_prepared_folder_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    prepare("mnist", data)
    before = listing(data)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("deepdigits.core.locks.FileLock", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    prepare("mnist", data)
    load("mnist", data, train=True)
    assert listing(data) == before


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written") as caught:
        prepare("mnist", tmp_path / "file" / "data")
    message = one_line(caught)
    assert "--data.data_dir" in message
    assert "DEEPDIGITS_DATA" in message
    assert str(tmp_path / "file" / "data") in message


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("failing", ["copy_atomically", "extract"])
def test_full_disk_is_reported_in_one_line(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    if failing == "copy_atomically":
        monkeypatch.setattr(sources, "copy_atomically", refuse)
    else:
        monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    with pytest.raises(InputError, match="No space left on device") as caught:
        prepare("mnist", tmp_path / "data")
    assert str(tmp_path / "data") in one_line(caught)


def test_stale_folder_of_an_old_torchvision_is_an_error(packed: Any, tmp_path: Path) -> None:
    prepare("mnist", tmp_path)
    (tmp_path / "MNIST" / "processed").mkdir()
    with pytest.raises(InputError, match="delete that folder") as caught:
        load("mnist", tmp_path, train=True)
    assert str(tmp_path / "MNIST" / "processed") in one_line(caught)


def test_folder_comes_from_the_environment_or_the_users_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sources.default_data_dir() == Path(os.environ["DEEPDIGITS_DATA"])
    monkeypatch.delenv("DEEPDIGITS_DATA")
    assert sources.default_data_dir() == Path.home() / ".cache" / "deepdigits"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert sources.default_data_dir() == Path("/elsewhere/deepdigits")


# ------------------------------------------- datasets that are downloaded or copied by the user


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", [name for name in DATASETS if name != "mnist"])
def test_failed_download_names_files_folder_and_sums(name: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        prepare(name, tmp_path)
    message = one_line(caught)
    assert name in message
    assert str(tmp_path / DATASETS[name].reader / "raw") in message
    archives = sources.archives(DATASETS[name])
    assert len(archives) == (1 if name.startswith("emnist") else 4)
    for archive, md5 in archives.items():
        assert f"{archive} (MD5 {md5})" in message
        assert len(md5) == 32


@pytest.fixture
def fashion(tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny Fashion-MNIST of known content in repacked archives."""
    monkeypatch.setitem(
        DATASETS,
        "fashion_mnist",
        replace(DATASETS["mnist"], reader="FashionMNIST", embedded=False),
    )
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in FILES:
        content = (tiny_digits / "MNIST/raw" / file).read_bytes()
        (raw / f"{file}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
    return raw


@pytest.mark.usefixtures("no_network")
def test_repacked_archives_are_accepted_by_their_content(
    fashion: Path, tmp_path: Path, tiny_arrays: dict[str, Any]
) -> None:
    prepare("fashion_mnist", tmp_path)
    images, _ = load("fashion_mnist", tmp_path, train=False)
    assert np.array_equal(images, tiny_arrays[FILES[2]])


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("place", ["header", "block", "checksum", "cut"])
def test_a_damaged_repacked_archive_is_not_a_traceback(
    place: str, fashion: Path, tmp_path: Path
) -> None:
    archive = fashion / ARCHIVES[0]
    content = bytearray(archive.read_bytes())
    if place == "cut":
        del content[-50:]
    else:  # after a header of 10 bytes, 7 stands for a block of a kind that does not exist
        content[{"header": 0, "block": 10, "checksum": -6}[place]] = 7
    archive.write_bytes(content)
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        prepare("fashion_mnist", tmp_path)
    assert ARCHIVES[0] in one_line(caught)


@pytest.mark.usefixtures("no_network")
def test_other_content_in_a_repacked_archive_is_an_error(fashion: Path, tmp_path: Path) -> None:
    content = bytearray(gzip.decompress((fashion / ARCHIVES[0]).read_bytes()))
    content[-1] ^= 1
    (fashion / ARCHIVES[0]).write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="could not be downloaded"):
        prepare("fashion_mnist", tmp_path)


@pytest.fixture
def kuzushiji(packed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny KMNIST: its archives are in place, and only their MD5 sums are known."""
    unknown = replace(
        DATASETS["mnist"], reader="KMNIST", embedded=False, sha256=MappingProxyType({})
    )
    monkeypatch.setitem(DATASETS, "kmnist", unknown)
    monkeypatch.setattr(torchvision.datasets.KMNIST, "resources", md5_sums(packed))
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content)
    return raw


@pytest.mark.usefixtures("no_network")
def test_sums_of_a_downloaded_set_are_recorded_as_sha256sum_reads_them(
    kuzushiji: Path, tmp_path: Path
) -> None:
    prepare("kmnist", tmp_path)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=kuzushiji, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{file}: OK" for file in FILES]


@CORRUPTIONS
@pytest.mark.usefixtures("no_network")
def test_later_damage_to_a_downloaded_set_is_found_and_repaired(
    damage: Callable[[Path], None], kuzushiji: Path, packed: dict[str, bytes], tmp_path: Path
) -> None:
    prepare("kmnist", tmp_path)
    damage(kuzushiji / FILES[3])
    with pytest.raises(InputError, match=f"{FILES[3]} is missing or damaged"):
        load("kmnist", tmp_path, train=False)
    prepare("kmnist", tmp_path)
    assert (kuzushiji / FILES[3]).read_bytes() == gzip.decompress(packed[ARCHIVES[3]])


@CORRUPTIONS
@pytest.mark.usefixtures("no_network")
def test_damaged_file_and_archive_name_the_archive(
    damage: Callable[[Path], None], kuzushiji: Path, tmp_path: Path
) -> None:
    prepare("kmnist", tmp_path)
    damage(kuzushiji / FILES[3])
    damage(kuzushiji / ARCHIVES[3])
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        prepare("kmnist", tmp_path)
    assert ARCHIVES[3] in one_line(caught)


@pytest.mark.usefixtures("no_network")
def test_half_extracted_file_without_a_recorded_sum_is_not_trusted(
    kuzushiji: Path, packed: dict[str, bytes], tmp_path: Path
) -> None:
    for file in FILES:  # as in an extraction that was killed or is still running
        (kuzushiji / file).write_bytes(gzip.decompress(packed[f"{file}.gz"]))
    truncate(kuzushiji / FILES[2])
    prepare("kmnist", tmp_path)
    assert len(load("kmnist", tmp_path, train=False)[0]) == 130


def test_emnist_is_transposed(
    tmp_path: Path, idx: Callable[[Any], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    upright = np.zeros((3, 28, 28), np.uint8)
    upright[:, 4:24, 6] = 200  # an L: a long line down, then a short one to the right
    upright[:, 23, 6:15] = 200
    labels = np.array([3, 1, 2], np.uint8)
    tiny = replace(DATASETS["emnist_digits"], num_train=3, num_test=3)
    monkeypatch.setitem(DATASETS, "emnist_digits", tiny)
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for images_file, labels_file in (tiny.files[:2], tiny.files[2:]):
        (raw / images_file).write_bytes(idx(upright.transpose(0, 2, 1)))  # as NIST stores them
        (raw / labels_file).write_bytes(idx(labels))
    images, classes = load("emnist_digits", tmp_path, train=True)
    assert np.array_equal(images, upright)
    assert images.is_contiguous()
    assert classes.tolist() == [3, 1, 2]


def test_qmnist_labels_are_the_first_column(
    tmp_path: Path, idx: Callable[[Any], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(5 * 8, dtype=np.int32).reshape(5, 8)
    rows[:, 0] = [7, 2, 1, 0, 4]
    tiny = replace(DATASETS["qmnist"], num_train=5, num_test=5)
    monkeypatch.setitem(DATASETS, "qmnist", tiny)
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    for images_file, labels_file in (tiny.files[:2], tiny.files[2:]):
        (raw / images_file).write_bytes(idx(np.zeros((5, 28, 28), np.uint8)))
        (raw / labels_file).write_bytes(idx(rows))
    labels = load("qmnist", tmp_path, train=False)[1]
    assert labels.tolist() == [7, 2, 1, 0, 4]
    assert labels.dtype == torch.int64
    assert labels.is_contiguous()


def test_files_of_another_size_than_the_catalogue_says_are_errors(
    tiny_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], num_test=131))
    with pytest.raises(InputError, match=r"\(131, 28, 28\)") as caught:
        load("mnist", tiny_digits, train=False)
    assert str(tiny_digits) in one_line(caught)


@pytest.mark.parametrize("damage", [truncate, overwrite])
def test_unreadable_file_of_unknown_sum_is_named(
    damage: Callable[[Path], None], kuzushiji: Path, packed: dict[str, bytes], tmp_path: Path
) -> None:
    for file in FILES:
        (kuzushiji / file).write_bytes(gzip.decompress(packed[f"{file}.gz"]))
    damage(kuzushiji / FILES[0])
    with pytest.raises(InputError) as caught:
        load("kmnist", tmp_path, train=True)
    assert str(kuzushiji) in one_line(caught)
