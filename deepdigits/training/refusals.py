"""What Lightning refuses, as a one-line error."""

from collections.abc import Iterator

from deepdigits.core.errors import InputError, OneLine
from deepdigits.core.failures import explain
from deepdigits.training.parser import shorten

_LIMIT = 400  # characters: some messages list all metrics
_KINDS = (ValueError, RuntimeError, ImportError)


def refusal(what: str, error: Exception) -> OneLine:
    """The one-line error for what a class raises because of its settings.

    Args:
        what: The class, the first word of the line.
        error: What was raised; a failure of the machine keeps its own line.
    """
    if isinstance(error, OneLine):
        return error
    reason = shorten(str(error))[:_LIMIT] or type(error).__name__
    return explain(what, error) or InputError(f"{what}: {reason}")


def is_refusal(error: Exception) -> bool:
    """Whether Lightning itself has raised an error, not the code that it calls.

    Then it is about a setting that Lightning checks late, such as a metric that nobody logs.
    """
    return isinstance(error, _KINDS) and _raised_in(error).partition(".")[0] == "lightning"


def _raised_in(error: Exception) -> str:
    """Name of the module in which an error was raised."""
    names = list(_modules(error))
    return names[-1] if names else ""


def _modules(error: Exception) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next
