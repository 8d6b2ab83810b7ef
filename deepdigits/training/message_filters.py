"""Filter log messages and warnings that users cannot act on."""

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, cast

from typing_extensions import override

from deepdigits.core.text import printable

# The loggers of lightning 2.6.6 and MLflow 3.17 that write these messages.
LOGGERS = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.pytorch.accelerators.cuda",
    "lightning.fabric.utilities.seed",
    "lightning.pytorch.loggers.mlflow",
    "mlflow.store.db.utils",
    "lightning.fabric.utilities.distributed",
)
MESSAGES = (
    "litlogger|litmodels",  # advertisements
    "^GPU available: False",
    "^TPU available: False",
    "^LOCAL_RANK: .* CUDA_VISIBLE_DEVICES: ",
    r"^(\[rank: \d+\] )?Seed set to",  # the seed is in config.yaml
    "^Using bfloat16 Automatic Mixed Precision",  # so is the precision
    "^Initializing distributed: ",  # once in each process; another message has their number
    r"^`Trainer\.fit` stopped: `max_(epochs|steps)=",  # the last line of the table of epochs
    "^Restoring states from",  # "Restored all states from" follows
    "^Experiment with name .* not found. Creating it",  # as is every new one
    "^(Creating initial MLflow database|Updating database) tables",
    "^Loaded model weights from",  # the summary of the evaluation shows the checkpoint
)
WARNINGS = (
    "callbacks used to create the checkpoint",  # an evaluation needs no callbacks of the training
    "exists and is not empty",  # a resumed run continues in its folder; a new run has a new folder
    "does not have many workers",  # the loader works in memory: workers would only slow it down
    "is already saved during checkpointing",  # a layer as an argument: its text is stored
    "Unable to serialize instance",  # a layer as a default: it is left out of config.yaml
    r"is multi-threaded, use of fork\(\)",  # what would hang in such a process is turned off
    # Lightning 2.6.6 calls what torch 2.14 and jsonargparse 4.5x deprecate.
    r"isinstance\(treespec, LeafSpec\)",
)

# Action, message, category, module and line, as in `warnings.filters`.
WarningFilter = tuple[str, re.Pattern[str] | None, type[Warning], re.Pattern[str] | None, int]


@contextmanager
def filtered_messages() -> Iterator[None]:
    """Filter messages of Lightning, torch and jsonargparse within the block, in all threads.

    At the end exactly the added filters are removed. This is why `warnings.catch_warnings` is not
    used: it puts back the whole list of filters of the process, so it drops what the block or
    another thread has added, and of two overlapping blocks in two threads one would leave its
    filters behind.
    """
    loggers, log_filter = [logging.getLogger(name) for name in LOGGERS], _MessageFilter()
    filters = cast(list[WarningFilter], warnings.filters)
    added = [_ignore(text) for text in WARNINGS]
    # add_instantiator of jsonargparse is deprecated; its successor is newer than the oldest pin.
    callers = re.compile(r"jsonargparse|deepdigits\.training\.cli$")
    added.append(("ignore", None, DeprecationWarning, callers, 0))
    for logger in loggers:
        logger.addFilter(log_filter)
    filters[:0] = added
    try:
        with _quiet_writer_threads():
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(log_filter)
        _remove(added, filters)
        if warnings.filters is not filters:  # a catch_warnings has begun or ended meanwhile
            _remove(added, cast(list[WarningFilter], warnings.filters))


class _MessageFilter(logging.Filter):
    """Drops the log messages that match `MESSAGES`; makes the others printable."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        # A message may name a folder or a class.
        record.msg, record.args = "\n".join(map(printable, text.split("\n"))), ()
        return not re.search("|".join(MESSAGES), text)


_lock = Lock()
_hooks: list[Any] = []  # the hook before the first open block, once for each open block


@contextmanager
def _quiet_writer_threads() -> Iterator[None]:
    """Hide tracebacks of TensorBoard's writer thread; its next call raises the same error again."""
    with _lock:
        _hooks.append(_hooks[0] if _hooks else threading.excepthook)
        threading.excepthook = _report_other_threads
    try:
        yield
    finally:
        with _lock:
            former = _hooks.pop()
            if not _hooks and threading.excepthook is _report_other_threads:
                threading.excepthook = former


def _report_other_threads(failure: threading.ExceptHookArgs) -> None:
    if not type(failure.thread).__module__.startswith("tensorboard."):
        (_hooks[0] if _hooks else threading.__excepthook__)(failure)


def _ignore(text: str) -> WarningFilter:
    return ("ignore", re.compile(f".*{text}", re.DOTALL), Warning, None, 0)


def _remove(added: list[WarningFilter], filters: list[WarningFilter]) -> None:
    for item in added:
        with suppress(ValueError):
            filters.remove(item)
