"""The exceptions that end a command with one line and an exit code of their own."""

import signal


class InputError(Exception):
    """A wrong input: one line that names the thing, what was expected, and the way out.

    The command line prints the line and ends with exit code 2, without a traceback.
    """


class RunFailed(Exception):
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
