"""The loggers of a training. Those that write files write into the run folder."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only
from typing_extensions import override

from deepdigits.core.files import atomic_path

_NAMELESS = (None, "lightning_logs")  # the default name of both


@dataclass(frozen=True)
class LoggerPlan:
    """A logger before the run folder is known.

    Attributes:
        built: The logger as the parser has built it.
        kind: Its class.
        settings: Its arguments.
    """

    built: Logger
    kind: type
    settings: Mapping[str, Any]

    @property
    def writes_files(self) -> bool:
        """Whether it writes into a folder that save_dir, name and version determine."""
        return self.kind in (TensorBoardLogger, CSVLogger)


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
    """
    if given in (None, True):
        return [LoggerPlan(TensorBoardLogger(**group), TensorBoardLogger, group)]
    if given is False:
        return []
    classes = given if isinstance(given, Sequence) else [given]
    loggers = built if isinstance(built, Sequence) else [built]
    return [
        LoggerPlan(logger, _class(spec.class_path), _arguments(spec))
        for spec, logger in zip(classes, loggers, strict=True)
    ]


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


def placed(plans: Sequence[LoggerPlan], folder: Path) -> list[Logger]:
    """The loggers of a training in a run folder.

    The first that writes files writes into it. A further one keeps its save_dir, and has the name
    and the version of the run unless it sets its own; so a resumed run goes on in its files.
    """
    run = {"save_dir": str(folder.parent.parent), "name": folder.parent.name}
    run["version"] = folder.name
    loggers: list[Logger] = []
    is_first = True
    for one in plans:
        if not one.writes_files:
            loggers.append(one.built)
            continue
        where = run if is_first else {**run, **_typed(one.settings)}
        kind = ContinuedCSVLogger if one.kind is CSVLogger else one.kind
        loggers.append(kind(**{**one.settings, **where}))
        is_first = False
    return loggers


def _typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where a logger that writes files is told to write, by its own settings."""
    typed = {key: settings.get(key) for key in ("save_dir", "version")}
    if settings.get("name") not in _NAMELESS:
        typed["name"] = settings["name"]
    return {key: value for key, value in typed.items() if value not in (None, "")}


class ContinuedCSVLogger(CSVLogger):
    """A CSVLogger that goes on in the metrics.csv of a resumed run; Lightning's own removes it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._former: list[dict[str, Any]] | None = _rows(self._file)
        self._has_logged = False

    @property
    def _file(self) -> Path:
        return Path(self.log_dir, "metrics.csv")

    @property
    @override
    def experiment(self) -> ExperimentWriter:
        former, self._former = self._former, None
        writer: ExperimentWriter = super().experiment  # removes the file
        if former:
            writer.metrics.extend(former)
            writer.save()
        return writer

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        writer = self.experiment
        if not self._has_logged and step is not None:
            # Steps after the checkpoint are trained again.
            rows = [row for row in _rows(self._file) if float(row["step"] or 0) < step]
            _write(self._file, writer.metrics_keys, rows)
        self._has_logged = True
        super().log_metrics(metrics, step)


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not path.is_file():
        return
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=keys)
        writer.writeheader()
        writer.writerows(rows)


def _class(class_path: str) -> type:
    module, _, name = class_path.rpartition(".")
    found: type = getattr(import_module(module), name)
    return found


def _arguments(spec: Any) -> dict[str, Any]:
    own = getattr(spec, "init_args", None)
    more = getattr(spec, "dict_kwargs", None)
    return {**(own.as_dict() if own is not None else {}), **(more or {})}
