"""Locks on folders: one process works in a folder, the others wait."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from deepdigits.core.console import say
from deepdigits.core.errors import DISK, InputError

try:
    import fcntl
except ImportError:  # Windows has no fcntl
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # the file of a lock, in its folder
# A file where a folder is needed, or the other way round.
_WRONG_KIND = (FileExistsError, IsADirectoryError, NotADirectoryError)


@contextmanager
def locked(folder: Path, advice: str) -> Iterator[None]:
    """Create a folder and hold its lock within the block; other processes wait.

    Args:
        folder: The folder. Its lock is the file ``.lock``.
        advice: What the user can do if the folder cannot be written, for the error.

    Raises:
        InputError: The folder, or a file that the block writes, cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, locked(Path(folder, "data"), "choose another"):
    ...     Path(folder, "data").is_dir()
    True
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK):
            yield
    except OSError as error:
        if error.errno not in DISK and not isinstance(error, _WRONG_KIND):
            raise
        raise InputError(f"{folder} cannot be written ({error.strerror}): {advice}") from error


@contextmanager
def sole_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder within the block; a second process does not wait.

    Args:
        folder: The run folder. Its lock is the file ``.lock``; the lock of a process that was
            killed is free.

    Raises:
        InputError: Another process holds the lock, or its file is not a plain file.
    """
    path = folder / LOCK
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InputError(f"{path} is not a plain file, and locking it would change it: remove it")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"another training is running in {folder}: wait for its end, or train in another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[Sequence[int]]:
    """Hold the lock of a folder of runs; child processes can inherit it.

    If this process is killed and a training that it started continues, the next call waits for that
    training, instead of starting a second one in the same folder. This needs the file descriptor
    of the lock, which filelock does not hand out. On Windows nothing is locked.

    Yields:
        The file descriptors to pass to child processes (``pass_fds`` of subprocess).

    Raises:
        InputError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A link is not followed, and nothing is emptied.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        file = os.fdopen(os.open(folder / ".repeat.lock", flags, 0o644), "r+")
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): choose another folder"
        ) from error
    with file:
        if fcntl is None:
            yield ()
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(
                f"another `deepdigits repeat`, or a training it started, is running in {folder}: "
                "waiting for its end"
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        yield (file.fileno(),)
