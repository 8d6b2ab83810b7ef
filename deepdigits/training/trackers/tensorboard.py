"""What TensorBoard shows of a run besides its metrics."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from typing_extensions import override

from deepdigits.core.files import atomic_path
from deepdigits.data.module import to_float
from deepdigits.models.layers import penultimate
from deepdigits.plots.sprite import sprite
from deepdigits.training.callbacks import hyperparameters
from deepdigits.training.trackers.board import Board

NUM_EMBEDDED = 2_000


class TensorBoardBoard(Board):
    """Shows all there is; a resumed training goes on in the events of its run."""

    @override
    def start(self, trainer: Trainer, pl_module: LightningModule, config: Path | None) -> None:
        if trainer.ckpt_path:
            return
        writer = self.logger.experiment
        writer.add_custom_scalars(layout())
        if config is not None:  # indented: Markdown leaves it as it is
            writer.add_text("config", indent(config.read_text(encoding="utf-8"), "    "))
        # Written directly: the logger's log_hyperparams would add a first value of each metric.
        for summary in hyperparameters.hparams_summaries(trainer, pl_module):
            writer.file_writer.add_summary(summary)

    @override
    def image(self, tag: str, pixels: NDArray[np.uint8], step: int) -> None:
        self.logger.experiment.add_image(tag, torch.from_numpy(pixels), step, dataformats="HWC")

    @override
    def text(self, tag: str, markdown: str, step: int) -> None:
        self.logger.experiment.add_text(tag, markdown, step)

    @override
    def pr_curves(
        self, stage: str, labels: Tensor, probabilities: Tensor, names: Sequence[str], step: int
    ) -> None:
        for label, name in enumerate(names):
            tag = f"{stage}/{name.replace('/', ' or ')}"
            curve = (labels == label, probabilities[:, label], step)
            self.logger.experiment.add_pr_curve(tag, *curve)

    @override
    @torch.no_grad()
    def embedding(
        self, net: nn.Module, images: Tensor, labels: Tensor, names: Sequence[str], step: int
    ) -> None:
        """The input of the last layer for the first 2,000 images, for the projector.

        Each point is drawn as its image, in the color of its class. A net whose last layer is not
        linear has none.
        """
        if not any(isinstance(module, nn.Linear) for module in net.modules()):
            return
        writer = self.logger.experiment
        images, labels = images[:NUM_EMBEDDED], labels[:NUM_EMBEDDED]
        device = next((p.device for p in net.parameters()), images.device)
        shown = to_float(images).to(device)
        features = penultimate(net, shown).float().cpu()
        if features.shape[:-1] != shown.shape[:1]:  # the layer is inside of another one
            return
        classes = [names[label] for label in labels.tolist()]
        writer.add_embedding(features, classes, shown.cpu(), step, "penultimate")
        # torch has written a sprite of opaque digits, which hide each other: replace it.
        path = Path(writer.log_dir, f"{step:05}", "penultimate", "sprite.png")
        digits = sprite(images.cpu().numpy(), labels.cpu().numpy())
        with atomic_path(path) as part:
            Image.fromarray(digits).save(part, "PNG")


def layout() -> dict[str, dict[str, list[Any]]]:
    """Charts of the custom scalars tab: category -> title -> kind and patterns of tags.

    >>> layout()["training"]["loss"]
    ['Multiline', ['^train/loss$', '^val/loss$']]
    """
    training = {
        name: ["Multiline", [f"^train/{name}$", f"^val/{name}$"]] for name in ("loss", "accuracy")
    }
    rest = {"learning rate": ["Multiline", [r"^lr(/\d+)?$"]]}
    rest["images per second"] = ["Multiline", ["^images_per_second$"]]
    classes = {
        name: ["Multiline", [rf"^val/{name}/\d+$"]] for name in ("f1", "precision", "recall")
    }
    return {"training": training | rest, "validation, each class": classes}
