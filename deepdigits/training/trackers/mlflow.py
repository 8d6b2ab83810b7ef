"""What MLflow shows of a run besides its metrics, and what it refuses."""

import posixpath
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray
from typing_extensions import override

from deepdigits.training.trackers.board import Board

_MAX_NAME = 250


class MLflowBoard(Board):
    """Shows pictures in the charts of the run, and takes files as its artifacts."""

    package = "mlflow"
    id_settings = ("run_id",)
    name_setting = "run_name"

    @override
    def begin(self) -> str | None:
        run_id: str = self.logger.run_id  # begins it
        client = self.logger.experiment
        if client.get_run(run_id).info.status != "RUNNING":
            client.update_run(run_id, status="RUNNING")
        return run_id

    @override
    def is_unknown(self, error: Exception) -> bool:
        return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"

    @override
    def image(self, tag: str, pixels: NDArray[np.uint8], step: int) -> None:
        client, run_id = self.logger.experiment, self.logger.run_id
        client.log_image(run_id, pixels, key=allowed_name(tag), step=step)

    @override
    def text(self, tag: str, markdown: str, step: int) -> None:
        name = f"{allowed_name(tag)}.md"
        self.logger.experiment.log_text(self.logger.run_id, markdown, name)

    @override
    def files(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self.logger.experiment.log_artifact(self.logger.run_id, str(path))


class ContinuedMLFlowLogger(MLFlowLogger):
    """An MLFlowLogger that goes on in a run, and gives MLflow only what it takes.

    MLflow allows few characters in a name, and never a second value of a setting: the settings
    that a run has keep their first value.
    """

    @override
    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        given = vars(params) if isinstance(params, Namespace) else params
        known = self.experiment.get_run(self.run_id).data.params
        new = {name: value for name, value in _flat(given).items() if name not in known}
        super().log_hyperparams(new)

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics({allowed_name(name): metrics[name] for name in metrics}, step)


def allowed_name(name: str) -> str:
    """A name that MLflow takes: letters, digits, ``_ - . /`` and spaces, in the form of a path.

    >>> allowed_name("val/f1/0"), allowed_name("loss (é)"), allowed_name("/a//../b/")
    ('val/f1/0', 'loss ___', 'a/_/b')
    """
    parts = re.sub(r"[^\w./ -]", "_", name, flags=re.ASCII).split("/")
    kept = ["_" if part in (".", "..") else part for part in parts if part]
    return posixpath.join(*kept)[:_MAX_NAME].rstrip("/") if kept else "_"


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with a path as the name of each."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}/")
        else:
            flat[allowed_name(path)] = value
    return flat
