"""One at a time: a lock on a folder that the runs started under it hold too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deepdigits.core.errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows: there two calls at once are not kept apart
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[Sequence[int]]:
    """Hold the lock of a folder of runs; yields the file descriptors that hold it.

    A run inherits them: where this process is killed and its run lives on, the next call waits for
    that run, in place of training into the same folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".repeat.lock").open("w")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}") from error
    with file:
        if fcntl is None:
            yield ()
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"another repeat, or a run that it left, is at work in {folder}"
            print(f"{what}: waiting for its end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield (file.fileno(),)
