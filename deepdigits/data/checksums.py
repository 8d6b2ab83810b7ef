"""Checksums of extracted dataset files."""

import hashlib
import re
from pathlib import Path

from deepdigits.core.files import write_text
from deepdigits.data.registry import DatasetInfo

SUMS = "SHA256SUMS"  # in the format of the sha256sum command
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(value: object) -> bool:
    """Whether a value is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expected_sums(dataset: DatasetInfo, folder: Path) -> dict[str, str]:
    recorded = {}
    if (folder / SUMS).is_file():
        lines = (folder / SUMS).read_text(errors="replace").splitlines()
        recorded = {name: sum_ for sum_, _, name in (line.partition("  ") for line in lines)}
    return {**recorded, **dataset.sha256}


def damaged_files(dataset: DatasetInfo, folder: Path, read: tuple[str, ...] = ()) -> list[str]:
    """Names of extracted files that are missing or damaged.

    A file without a known checksum is checked by its size: its extraction may have been stopped.

    Args:
        dataset: The dataset.
        folder: The folder of its extracted files.
        read: Check only these files. Empty: all files.
    """
    expected = _expected_sums(dataset, folder)

    def is_intact(file: str) -> bool:
        path = folder / file
        if not path.is_file():
            return False
        if file in expected:
            return _sha256(path) == expected[file]
        return path.stat().st_size == _num_bytes(dataset, file)

    return [file for file in read or dataset.files if not is_intact(file)]


def _num_bytes(dataset: DatasetInfo, file: str) -> int:
    """Size of an extracted IDX file: 4 bytes, 4 bytes per axis, then the values."""
    num = dataset.num_train if file in dataset.files[:2] else dataset.num_test
    if file.endswith("idx3-ubyte"):
        return 16 + num * 28 * 28
    return 12 + num * 8 * 4 if file.endswith("idx2-int") else 8 + num


def record_sums(dataset: DatasetInfo, folder: Path) -> None:
    """Write the checksums of extracted files that the catalogue does not list."""
    sums = _expected_sums(dataset, folder)
    unknown = {file: _sha256(folder / file) for file in dataset.files if file not in sums}
    if unknown:
        lines = [f"{sum_}  {file}\n" for file, sum_ in unknown.items()]
        record = folder / SUMS
        former = record.read_text(errors="replace") if record.is_file() else ""
        write_text(record, "".join([former, *lines]))
