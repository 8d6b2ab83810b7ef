"""The loggers of a training: those that write into the run folder, and trackers."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import LOGS
from deepdigits.training.csv_logger import METRICS, ContinuedCSVLogger
from deepdigits.training.folder_lock import place_of
from deepdigits.training.trackers.kinds import require_package
from deepdigits.training.trackers.record import forget_ids
from deepdigits.training.trackers.tracker import Tracker

_NAMELESS = (None, "lightning_logs")  # the default name of both
_FILE_LOGGERS = (TensorBoardLogger, CSVLogger)


def build(kind: type[Logger], /, *args: Any, **settings: Any) -> Logger:
    """Build a logger that writes files; stand in for another one, until its run folder is known."""
    if kind in _FILE_LOGGERS or args:
        return kind(*args, **settings)
    return cast(Logger, Tracker(kind, settings))


@dataclass(frozen=True)
class LoggerPlan:
    """A logger before the run folder is known.

    Attributes:
        built: The logger as `build` has built it.
        kind: Its class.
        settings: Its arguments.
    """

    built: Logger
    kind: type
    settings: Mapping[str, Any]

    @property
    def writes_files(self) -> bool:
        """Whether it writes into a folder that save_dir, name and version determine."""
        return self.kind in _FILE_LOGGERS


class Place(NamedTuple):
    """Where a run folder is: ``save_dir/name/version``; without a version, it is a new one."""

    save_dir: str
    name: str
    version: str | None


def plan(given: Any, built: Any, group: Mapping[str, Any]) -> list[LoggerPlan]:
    """The loggers of a training.

    Args:
        given: ``trainer.logger`` of the config: None and true stand for TensorBoard, false for
            none; else a class or several, with their arguments.
        built: The same, with built loggers.
        group: The arguments of TensorBoardLogger in the group ``logger``.

    Raises:
        InputError: The package of a logger is not installed.
    """
    if given in (None, True):
        return [LoggerPlan(TensorBoardLogger(**group), TensorBoardLogger, group)]
    if given is False:
        return []
    classes = given if isinstance(given, Sequence) else [given]
    loggers = built if isinstance(built, Sequence) else [built]
    plans = [
        LoggerPlan(logger, _class(spec.class_path), _arguments(spec))
        for spec, logger in zip(classes, loggers, strict=True)
    ]
    for one in plans:
        require_package(one.kind)
    return plans


def place(plans: Sequence[LoggerPlan], group: Mapping[str, Any]) -> Place:
    """Where the run folder is.

    The group ``logger`` says it, and what the first logger in ``trainer.logger`` that writes files
    sets itself comes before.
    """
    own = next((one.settings for one in plans if one.writes_files), {})
    settings = {**{key: group.get(key) for key in ("save_dir", "name")}, **_typed(own)}
    version = settings.get("version", group.get("version"))
    if re.fullmatch(r"0|[1-9]\d*", str(version)):
        version = f"version_{version}"
    return Place(settings["save_dir"], settings["name"], version or None)


def placed(plans: Sequence[LoggerPlan], folder: Path, is_new: bool) -> list[Logger]:
    """The loggers of a training in a run folder.

    The first that writes files writes into it. A further one keeps its save_dir, and has the name
    and the version of the run unless it sets its own; so a resumed run goes on in its files. A
    tracker goes on in the run that it began for this folder.

    Args:
        plans: The loggers.
        folder: The run folder.
        is_new: Whether the run is new.

    Raises:
        InputError: A tracker refuses its arguments.
    """
    if is_new:
        forget_ids(folder)
    run = place_of(folder)
    loggers: list[Logger] = []
    positions: Counter[str] = Counter()
    is_first = True
    for one in plans:
        if not one.writes_files:
            if isinstance(one.built, Tracker):
                one.built.place(folder, positions[one.kind.__name__])
                positions[one.kind.__name__] += 1
            loggers.append(one.built)
            continue
        where = run if is_first else {**run, **_typed(one.settings)}
        if is_new and not is_first and one.kind is CSVLogger:
            _check_new(CSVLogger(**{**one.settings, **where}))
        kind = ContinuedCSVLogger if one.kind is CSVLogger else one.kind
        loggers.append(kind(**{**one.settings, **where}))
        is_first = False
    return loggers


def _check_new(logger: CSVLogger) -> None:
    """Check that a new run does not overwrite the metrics of another one."""
    path = Path(logger.log_dir, METRICS)
    if path.exists():
        raise InputError(
            f"{path} has the metrics of another run: leave out the name and the version of this "
            "CSVLogger, or choose others"
        )


@contextmanager
def closing(plans: Sequence[LoggerPlan]) -> Iterator[None]:
    """Within the block a training runs; at its end the runs of the trackers end."""
    trackers = [one.built for one in plans if isinstance(one.built, Tracker)]
    failed = True
    try:
        yield
        failed = False
    finally:
        for tracker in trackers:
            tracker.close(failed)


def _typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where a logger that writes files is told to write, by its own settings."""
    typed = {"version": settings.get("version")}
    # TensorBoardLogger and CSVLogger have no default for the folder: LOGS chooses nothing.
    if os.path.normpath(settings.get("save_dir") or LOGS) != LOGS:
        typed["save_dir"] = settings["save_dir"]
    if settings.get("name") not in _NAMELESS:
        typed["name"] = settings["name"]
    return {key: value for key, value in typed.items() if value not in (None, "")}


def _class(class_path: str) -> type:
    module, _, name = class_path.rpartition(".")
    found: type = getattr(import_module(module), name)
    return found


def _arguments(spec: Any) -> dict[str, Any]:
    own = getattr(spec, "init_args", None)
    more = getattr(spec, "dict_kwargs", None)
    return {**(own.as_dict() if own is not None else {}), **(more or {})}
