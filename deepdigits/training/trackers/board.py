"""What a tracker shows of a run besides its metrics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor, nn

from deepdigits.training.callbacks.hyperparameters import settings


class Board:
    """Shows pictures, texts and files of a run; what a tracker does not take is left out.

    Attributes:
        package: The package that the logger needs; None: one that is always there.
        id_settings: The arguments of the logger that name a run to continue, the usual one first.
        name_setting: The argument that names a new run; None: there is none.
    """

    package: str | None = None
    id_settings: tuple[str, ...] = ()
    name_setting: str | None = None

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def begin(self) -> str | None:
        """Begin the run in the tracker, or go on in it; returns its id, if it has one."""
        return None

    def is_unknown(self, error: Exception) -> bool:
        """Whether an error says that the run to continue does not exist."""
        return False

    def start(self, trainer: Trainer, pl_module: LightningModule, config: Path | None) -> None:
        """Show the settings of a training, and its config file."""
        self.logger.log_hyperparams(settings(trainer, pl_module))
        if config is not None:
            self.files([config])

    def image(self, tag: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Show an image (H, W, 3)."""

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Show a text in Markdown."""

    def files(self, paths: Sequence[Path]) -> None:
        """Take files of the run folder."""

    def pr_curves(
        self, stage: str, labels: Tensor, probabilities: Tensor, names: Sequence[str], step: int
    ) -> None:
        """Show precision and recall of each class: labels (N,), probabilities (N, C)."""

    def embedding(
        self, net: nn.Module, images: Tensor, labels: Tensor, names: Sequence[str], step: int
    ) -> None:
        """Show images (N, 28, 28), uint8, where the last layer of a net sees them."""

    def close(self, failed: bool) -> None:
        """End the run in the tracker."""
