"""The exceptions that end a command with one line and an exit code of their own."""

import errno
import signal

# What a disk answers that is full, broken, or not to be written by this user.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)


def printable(text: str) -> str:
    r"""A text on one line, without what a terminal would obey: names may come from a file.

    >>> printable("weights \x1b[31mred\nand more")
    'weights \\x1b[31mred\\nand more'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


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
    """A wrong input: one line that names the thing, what was expected, and the way out.

    The command line prints the line and ends with exit code 2, without a traceback.
    """


class RunFailed(OneLine):
    """A run that cannot go on though its input was right: a full disk, a loss that is not finite.

    The command line prints the line and ends with exit code 1, without a traceback.
    """


class Interrupted(SystemExit):
    """A run that was asked to stop by a signal, and did.

    A ``SystemExit``, so that only what means to end a program ends by it.

    Args:
        signum: Number of the signal. The exit code is 128 more, as a shell has it; that of SIGUSR1,
            by which SLURM announces a SIGTERM, is SIGTERM's.
        line: What to tell the user.
    """

    def __init__(self, signum: int, line: str) -> None:
        super().__init__(
            128 + (signal.SIGTERM if signum == getattr(signal, "SIGUSR1", None) else signum)
        )
        self.line = line
