"""What Lightning refuses, as a one-line error."""

import sys
from types import TracebackType

from lightning.fabric.utilities.spike import TrainingSpikeException

from deepdigits.core.errors import InputError, OneLine, RunFailed, one_line
from deepdigits.core.failures import explain
from deepdigits.training.parser import shorten

_LIMIT = 400  # characters: some messages list all metrics
_KINDS = (ValueError, RuntimeError, ImportError)
_PLUGGED_IN = ("lightning.pytorch.callbacks.", "lightning.pytorch.profilers.")
_LIBRARIES = {*sys.stdlib_module_names, "lightning", "rich", "torch", "torchmetrics", "tqdm"}


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


def refusal_of_lightning(error: Exception) -> OneLine | None:
    """The one-line error for what Lightning itself has raised, not code that it calls; else None.

    It is about a setting that Lightning checks late, such as a metric that nobody logs. From its
    callbacks and profilers an error of any kind is taken: they do not fit this net or this machine.
    """
    if isinstance(error, TrainingSpikeException):
        return RunFailed(f"the run stopped: {one_line(error)}")
    frames = _frames(error)
    is_stub = isinstance(error, NotImplementedError)  # of a base class; it says nothing itself
    if (
        isinstance(error, _KINDS)
        and not is_stub
        and frames
        and frames[-1][0].partition(".")[0] == "lightning"
    ):
        return refusal("trainer", error)
    while frames and frames[-1][0].partition(".")[0] in _LIBRARIES:
        module, owner = frames.pop()
        if module.startswith(_PLUGGED_IN) and type(owner).__module__.startswith("lightning."):
            option = "callbacks" if "callbacks" in module else "profiler"
            reason = one_line(error, 200) or type(error).__name__
            name = type(owner).__name__
            line = f"trainer.{option}: {name} does not work here: {reason}"
            return explain(name, error) or InputError(line)
    return None


def _frames(error: Exception) -> list[tuple[str, object]]:
    """The module of each frame of a traceback, and the object whose method was called."""
    found: list[tuple[str, object]] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        found.append((frame.f_globals.get("__name__", ""), frame.f_locals.get("self")))
        trace = trace.tb_next
    return found
