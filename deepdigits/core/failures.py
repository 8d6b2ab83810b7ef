"""Turn failures of the machine (disk, memory, limits, paths) into one line with the way out."""

import errno
import os
import re
from collections.abc import Mapping

from deepdigits.core.errors import InputError, OneLine, RunFailed, one_line

# A file where a folder is needed, or the other way round.
_WRONG_KIND = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY)
_NO_SPACE = "free some space, or choose another folder, and call it again"
_NO_PERMISSION = "choose a folder that you may write to"
_FILE_LIMIT = "raise the limit on open files, with `ulimit -n 1024`"
_ADVICE: Mapping[int | None, str] = {
    **{errno.ENOSPC: _NO_SPACE, errno.EDQUOT: _NO_SPACE},
    **{errno.EACCES: _NO_PERMISSION, errno.EPERM: _NO_PERMISSION, errno.EROFS: _NO_PERMISSION},
    **{errno.EMFILE: _FILE_LIMIT, errno.ENFILE: _FILE_LIMIT},
    errno.EFBIG: "raise the limit on the size of a file, with `ulimit -f unlimited`",
    errno.EIO: "check the disk",
}
_NO_MEMORY = re.compile(
    r"cannot allocate memory|can't allocate memory|not enough memory|out of memory|bad_alloc"
    r"|failed to map segment|can't start new thread|unable to (mmap|allocate)",
    re.I,
)
_NO_HOME = re.compile("could not determine home directory|getpwuid|no home directory", re.I)


def explain(what: str, error: BaseException) -> InputError | RunFailed | None:
    """The one-line error for a failure of the machine; None if the error is something else.

    Args:
        what: The command or the work that failed, the first words of the line.
        error: What was raised.

    >>> print(explain("train", OSError(errno.EFBIG, "File too large", "last.ckpt")))
    train stopped: File too large: 'last.ckpt': raise the limit on the size of a file, with \
`ulimit -f unlimited`
    >>> explain("train", ValueError("no number"))
    """
    if isinstance(error, OneLine | BrokenPipeError):  # is one line already; the reader has ended
        return None
    text = one_line(error, 300)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text) or _errno(error) == errno.ENOMEM:
        reason = f" ({text})" if text else ""
        return RunFailed(
            f"{what} stopped: there is not enough memory{reason}: close other programs, raise the "
            "limit (`ulimit -v unlimited`), or use smaller batches or images"
        )
    if _NO_HOME.search(text):
        return RunFailed(
            f"{what} needs a folder for its data, and this user has no home: set HOME, or "
            "DEEPDIGITS_DATA to a folder"
        )
    if isinstance(error, ValueError) and "null byte" in text:
        return InputError(f"a name that no file can have: {text}")
    return _explain_os_error(what, error) if isinstance(error, OSError) else None


def _explain_os_error(what: str, error: OSError) -> InputError | RunFailed:
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"a name that no file can have: {one_line(error)}")
    reason = error.strerror or one_line(error) or type(error).__name__
    if error.filename is not None:
        reason += f": {os.fspath(error.filename)!r}"
    if error.errno in _WRONG_KIND:
        return InputError(
            f"{what} stopped: {reason}: a file or folder of another kind is in the way; move it, "
            "or choose another folder"
        )
    advice = _ADVICE.get(error.errno)
    return RunFailed(f"{what} stopped: {reason}" + (f": {advice}" if advice else ""))


def _errno(error: BaseException) -> int | None:
    number: int | None = getattr(error, "errno", None)
    return number
