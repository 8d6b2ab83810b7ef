"""Checksums of extracted dataset files."""

import hashlib
from pathlib import Path

from deepdigits.data.registry import DatasetInfo

SUMS = "SHA256SUMS"  # in the format of the sha256sum command


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
    """Names of extracted files, all or those to ``read``, that are missing or damaged.

    A file whose sum is not known yet must have its full size: it may lie there half extracted.
    """
    expected = _expected_sums(dataset, folder)

    def whole(file: str) -> bool:
        path = folder / file
        if not path.is_file():
            return False
        if file in expected:
            return _sha256(path) == expected[file]
        return path.stat().st_size == _num_bytes(dataset, file)

    return [file for file in read or dataset.files if not whole(file)]


def _num_bytes(dataset: DatasetInfo, file: str) -> int:
    """Size of an extracted file: a header of 4 bytes and 4 for each axis, then the numbers."""
    num = dataset.num_train if file in dataset.files[:2] else dataset.num_test
    if file.endswith("idx3-ubyte"):
        return 16 + num * 28 * 28
    return 12 + num * 8 * 4 if file.endswith("idx2-int") else 8 + num


def record_sums(dataset: DatasetInfo, folder: Path) -> None:
    """Note the checksums of extracted files that are not known beforehand."""
    sums = _expected_sums(dataset, folder)
    unknown = {file: _sha256(folder / file) for file in dataset.files if file not in sums}
    if unknown:
        lines = [f"{sum_}  {file}\n" for file, sum_ in unknown.items()]
        with (folder / SUMS).open("a") as record:
            record.writelines(lines)
