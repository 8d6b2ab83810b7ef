"""The exceptions that end a command with one line and an exit code of their own."""

import errno
import signal

from deepdigits.core.text import printable

# Error numbers of a disk that is full, broken, or not writable for this user, and of a file that
# may not grow.
DISK = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
)


def one_line(error: object, limit: int | None = None) -> str:
    r"""The message of an error on one line, cut to a number of characters.

    >>> one_line(ValueError("expected a number,\n   got 'x'"))
    "expected a number, got 'x'"
    """
    return " ".join(str(error).split())[:limit]


class OneLine(Exception):
    """An error whose message is one printable line.

    Args:
        line: The message.
    """

    def __init__(self, line: object) -> None:
        super().__init__(printable(str(line)))


class InputError(OneLine):
    """A wrong input. The message names the input, what was expected, and what to do.

    The command line prints the line and ends with exit code 2, without a traceback.
    """


class RunFailed(OneLine):
    """A run that fails with correct input: the disk is full, or a loss is not finite.

    The command line prints the line and ends with exit code 1, without a traceback.
    """


class Interrupted(SystemExit):
    """A run that stopped because of a signal.

    It is a ``SystemExit``: code that catches ``Exception`` does not catch it.

    Args:
        signum: Number of the signal. The exit code is 128 + this number, as in a shell; for
            SIGUSR1, which SLURM sends before SIGTERM, it is that of SIGTERM.
        line: What to tell the user.
    """

    def __init__(self, signum: int, line: str) -> None:
        super().__init__(
            128 + (signal.SIGTERM if signum == getattr(signal, "SIGUSR1", None) else signum)
        )
        self.signum = signum
        self.line = line

    def __reduce__(self) -> tuple[type["Interrupted"], tuple[int, str]]:
        return Interrupted, (self.signum, self.line)
