"""Dataset files: download or copy, verify, and read into uint8 tensors.

torchvision downloads, checks (MD5), extracts and reads the archives. Added here: MNIST comes from
the archives in this package, without a network; extracted files are verified each time (SHA-256); a
damaged file is extracted again; several processes may prepare the same folder.
"""

import gzip
import hashlib
import os
import zlib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.error import URLError

from torch import Tensor

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import atomic_path, copy_atomically
from deepdigits.core.locks import locked
from deepdigits.data.checksums import damaged_files, record_sums
from deepdigits.data.registry import DATASETS, DatasetInfo

# Advice if the data folder cannot be written.
OTHER_FOLDER = (
    "choose another data folder with --data.data_dir or the environment variable DEEPDIGITS_DATA"
)


def default_data_dir() -> Path:
    """The data folder: ``$DEEPDIGITS_DATA``, else ``deepdigits`` in the user's cache folder."""
    if folder := os.environ.get("DEEPDIGITS_DATA"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepdigits"


def prepare(name: str, data_dir: Path) -> None:
    """Put the verified files of a dataset into ``data_dir/<reader>/raw``.

    If they are already there, nothing is written: the folder may be read-only.

    Raises:
        InputError: The folder cannot be written, a download fails, or a file stays damaged.
    """
    dataset = DATASETS[name]
    folder = data_dir / dataset.reader / "raw"
    if not damaged_files(dataset, folder):
        return
    with locked(folder, OTHER_FOLDER):
        if not (damaged := damaged_files(dataset, folder)):
            return  # another process has just done it
        for file in damaged:
            (folder / file).unlink(missing_ok=True)
        if dataset.embedded:
            _place_embedded_archives(dataset, folder)
        else:
            _extract_by_content(dataset, folder)
        _download(name, data_dir, folder)
        record_sums(dataset, folder)
    if damaged := damaged_files(dataset, folder):
        raise InputError(
            f"{name}: {', '.join(damaged)} in {folder} is damaged, and its archive does not "
            "repair it: delete the file and its archive there, then run again"
        )


def load(name: str, data_dir: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Read the training or the test set of a prepared dataset.

    Returns:
        Images, uint8 (N, 28, 28), and labels, int64 (N,).

    Raises:
        InputError: A file is missing or damaged, or has an unexpected shape.
    """
    dataset = DATASETS[name]
    folder = data_dir / dataset.reader / "raw"
    read = dataset.files[:2] if train else dataset.files[2:]
    if damaged := damaged_files(dataset, folder, read):
        raise InputError(
            f"{name}: {', '.join(damaged)} is missing or damaged in {folder}: "
            "call prepare_data() first"
        )
    source = _reader(dataset, data_dir, train)
    images, labels = source.data, source.targets.long()
    if dataset.reader == "EMNIST":
        images = images.transpose(1, 2).contiguous()  # EMNIST stores transposed images
    if labels.ndim == 2:
        labels = labels[:, 0].contiguous()  # other columns of QMNIST: the writer and more
    expected = (dataset.num_train if train else dataset.num_test, 28, 28)
    if tuple(images.shape) != expected or labels.shape != expected[:1]:
        raise InputError(
            f"{name}: {folder} holds images {tuple(images.shape)} and labels "
            f"{tuple(labels.shape)}, expected {expected}: delete the folder and run again"
        )
    return images, labels


def _reader(dataset: DatasetInfo, data_dir: Path, train: bool, download: bool = False) -> Any:
    import torchvision.datasets

    if (data_dir / dataset.reader / "processed").exists():
        raise InputError(
            f"{data_dir / dataset.reader / 'processed'} is from an old torchvision, which would "
            "read it instead of the verified files: delete that folder"
        )
    reader = getattr(torchvision.datasets, dataset.reader)
    return reader(root=data_dir, train=train, download=download, **dataset.options)


def archives(dataset: DatasetInfo) -> dict[str, str]:
    """The archives of a dataset in torchvision: name -> MD5."""
    import torchvision.datasets

    reader = getattr(torchvision.datasets, dataset.reader)
    if dataset.reader == "EMNIST":
        return {reader.url.rpartition("/")[2]: reader.md5}
    if dataset.reader == "QMNIST":
        resources = [*reader.resources["train"], *reader.resources["test"]]
    else:
        resources = reader.resources
    return {url.rpartition("/")[2]: md5 for url, md5 in resources}


def _place_embedded_archives(dataset: DatasetInfo, folder: Path) -> None:
    for archive, md5 in archives(dataset).items():
        with as_file(files("deepdigits.data") / "mnist" / archive) as source:
            if not source.is_file() or hashlib.md5(source.read_bytes()).hexdigest() != md5:
                raise InputError(
                    f"the embedded archive {source} is damaged or missing (expected MD5 {md5}): "
                    "install deepdigits again"
                )
            copy_atomically(source, folder / archive)


def _extract_by_content(dataset: DatasetInfo, folder: Path) -> None:
    """Extract archives with a different MD5 if the SHA-256 of the content is as expected.

    Some Linux distributions repack Fashion-MNIST: the archives differ, the files are the same.
    """
    for file, sum_ in dataset.sha256.items():
        archive = folder / f"{file}.gz"
        if (folder / file).exists() or not archive.is_file():
            continue
        try:
            content = gzip.decompress(archive.read_bytes())
        except (OSError, EOFError, zlib.error):
            continue  # damaged: torchvision downloads it again
        if hashlib.sha256(content).hexdigest() == sum_:
            with atomic_path(folder / file) as part:
                part.write_bytes(content)


def _download(name: str, data_dir: Path, folder: Path) -> None:
    dataset = DATASETS[name]
    try:
        for train in (True, False):
            _reader(dataset, data_dir, train, download=True)
    except (RuntimeError, URLError, OSError, EOFError) as error:
        missing = ", ".join(f"{file} (MD5 {md5})" for file, md5 in archives(dataset).items())
        reason = one_line(error, 200)
        raise InputError(
            f"{name} could not be downloaded ({reason}): put {missing} into {folder} yourself, "
            "then run again"
        ) from error
    if dataset.embedded:  # the package has them; a second copy is not needed
        for archive in archives(dataset):
            (folder / archive).unlink(missing_ok=True)
