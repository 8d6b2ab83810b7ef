"""Temporary files next to their targets: locked while in use, removed when left over.

A process that is killed leaves its temporary file. The lock on it ends with the process, so the
next one that writes into the folder recognises the file and removes it.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

try:
    import fcntl
except ImportError:  # Windows has no fcntl: what a killed process leaves there stays
    fcntl = None  # type: ignore[assignment]

PART = re.compile(r".*\.[0-9a-f]{16}\.part", re.DOTALL)
_NAME_LENGTH = 200  # characters of the target's name that are kept: names have a limit


@contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file next to a path; remove it afterwards, if it is still there.

    Temporary files that ended processes left in the folder are removed first. Two processes that
    write the same path have two temporary files.

    Args:
        path: The target. Its folder must exist.

    Raises:
        OSError: The file cannot be created.
    """
    remove_leftovers(path.parent)
    part, lock = _create(path, is_folder=False)
    try:
        yield part
    finally:
        _close(lock)
        with suppress(OSError):  # the folder is read-only now: there is nothing to remove
            part.unlink(missing_ok=True)


@contextmanager
def part_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder inside a folder; remove it with its files afterwards.

    Raises:
        OSError: The folder cannot be created.
    """
    remove_leftovers(folder)
    part, lock = _create(folder / "work", is_folder=True)
    try:
        yield part
    finally:
        _close(lock)
        shutil.rmtree(part, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose processes have ended."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if PART.fullmatch(entry.name)]:
            _remove_if_unused(Path(entry.path))


def _create(path: Path, is_folder: bool) -> tuple[Path, int | None]:
    """A new temporary file or folder, and the open descriptor that holds its lock."""
    while True:
        part = path.with_name(f"{path.name[:_NAME_LENGTH]}.{token_hex(8)}.part")
        part.mkdir() if is_folder else part.touch(exist_ok=False)
        if fcntl is None:
            return part, None
        with suppress(FileNotFoundError):  # another process has just taken it for a leftover
            lock = os.open(part, os.O_RDONLY if is_folder else os.O_RDWR)
            if _lock(lock) is not False and _is_at(lock, part):
                return part, lock
            os.close(lock)


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove_if_unused(part: Path) -> None:
    with suppress(OSError):
        # NFS locks a file only if it is open for writing.
        handle = os.open(part, os.O_RDONLY if part.is_dir() else os.O_RDWR)
        try:
            if _lock(handle) and _is_at(handle, part):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
        finally:
            os.close(handle)


def _lock(handle: int) -> bool | None:
    """Whether the lock was taken; None if this system or file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
