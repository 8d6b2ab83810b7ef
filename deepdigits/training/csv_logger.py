"""A CSVLogger that goes on in the file of a resumed run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only
from typing_extensions import override

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import atomic_path

METRICS = "metrics.csv"


class ContinuedCSVLogger(CSVLogger):
    """A CSVLogger that goes on in the metrics.csv of a resumed run; Lightning's own removes it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._former: list[dict[str, Any]] | None = _rows(self._file)
        self._has_logged = False

    @property
    def _file(self) -> Path:
        return Path(self.log_dir, METRICS)

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
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        for row in rows:
            float(row["step"] or 0)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({one_line(error, 80)}): move it away") from error
    return rows


def _write(path: Path, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not path.is_file():
        return
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=keys)
        writer.writeheader()
        writer.writerows(rows)
