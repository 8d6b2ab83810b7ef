"""The figures of a training, drawn in the plots room: tag -> figure."""

from collections.abc import Sequence
from math import isqrt
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn

from deepdigits.metrics.report import Report
from deepdigits.plots import image_grid
from deepdigits.plots.evaluation import confusion_matrix, reliability_diagram
from deepdigits.runs.evaluation import Pictured

Figures = dict[str, Figure]
_TRAINING = "training digits, augmented"


def training_digits(batch: Any) -> Figures:
    """The first augmented images (B, 1, H, W) of a training batch; nothing for other batches."""
    images = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 1:
        return {}
    shown = images[:64].float().clamp(0, 1)
    return {"train/digits": image_grid.image_grid(shown, heading=_TRAINING)}


def confusion(stage: str, report: Report) -> Figures:
    """The confusion matrix of an evaluation."""
    return {f"{stage}/confusion": confusion_matrix(report)}


def evaluation(stage: str, pictured: Pictured, names: Sequence[str]) -> Figures:
    """Worst mistakes and reliability of an evaluation.

    Args:
        stage: First part of the tags.
        pictured: Images, labels and probabilities of the split.
        names: Name of each class.
    """
    images, labels, probabilities = pictured
    confidences, predicted = probabilities.max(dim=1)
    correct = (predicted == labels).numpy()
    worst = image_grid.mistakes(images, labels, predicted, confidences, names)
    return {
        f"{stage}/mistakes": worst,
        f"{stage}/reliability": reliability_diagram(confidences.clamp(0, 1).numpy(), correct),
    }


def first_layer(net: nn.Module) -> Figures:
    """The filters of the first layer with weights, if each can be drawn as an image."""
    weight = next((p for p in net.parameters() if p.ndim > 1), None)
    if weight is None or not weight.numel():
        return {}
    is_square = weight.ndim == 2 and isqrt(weight.shape[1]) ** 2 == weight.shape[1]
    if is_square or (weight.ndim == 4 and weight.shape[1] == 1):
        return {"filters": image_grid.filters(weight)}
    return {}
