"""Write files whole or not at all, and check output paths before the work starts."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.part_files import part_file


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to the target; move it into place when the block succeeds.

    The temporary file exists and is empty; write into it, and put no other file in its place. It
    reaches the disk before the move, so after a crash or a power failure the target is either the
    old file or the new one. If the block fails, the old file stays.

    Args:
        path: The target. Its folder must exist.

    Raises:
        OSError: The file cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder, "report.txt")) as part:
    ...         _ = part.write_text("done")
    ...     Path(folder, "report.txt").read_text()
    'done'
    """
    with part_file(path) as part:
        yield part
        _sync(part)
        part.replace(path)
        if os.name != "nt":  # Windows cannot open folders, and needs no sync of them
            _sync(path.parent)


def write_text(path: Path, text: str) -> Path:
    """Write a text file as UTF-8, whole or not at all; returns its path."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def copy_atomically(source: Path, target: Path) -> Path:
    """Copy a file, whole or not at all; returns the target."""
    with atomic_path(target) as part:
        shutil.copyfile(source, part)
    return target


def make_version_folder(parent: Path, first: int = 0) -> Path:
    """Make the first ``version_N`` that does not exist, in one step; returns it.

    Of two processes that call this at once, each gets a folder of its own.

    Args:
        parent: The folder in which to make it.
        first: The lowest number to try.
    """
    for number in count(first):
        folder = parent / f"version_{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def display_path(path: Path | str) -> str:
    """A path to print: relative if it is inside the working directory, else absolute.

    >>> display_path(Path.cwd() / "report.json"), display_path("/nowhere/report.json")
    ('report.json', '/nowhere/report.json')
    """
    absolute = Path(path).resolve()
    here = Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads into a folder, with all links followed."""
    return path.resolve().is_relative_to(folder.resolve())


def check_output_path(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Check the suffix of an output file and that its folder exists.

    Args:
        option: The command-line option, for the error.
        path: The file to be written.
        suffixes: The allowed suffixes.

    Raises:
        InputError: Wrong suffix, no such folder, or the path is a folder.

    >>> check_output_path("--show", Path("a.txt"), (".png", ".svg"))
    Traceback (most recent call last):
    deepdigits.core.errors.InputError: --show a.txt: expected a file name that ends in .png or .svg
    """
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        endings = f"{', '.join(others)} or {last}" if others else last
        raise InputError(f"{option} {path}: expected a file name that ends in {endings}")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise InputError(f"{option} {path}: that is a folder, expected a file")


def _sync(path: Path) -> None:
    """Force a file, or the entries of a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
