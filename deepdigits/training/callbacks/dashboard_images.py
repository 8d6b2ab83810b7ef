"""The figures of a training, drawn in the plots room: tag -> figure."""

import math

from matplotlib.figure import Figure
from torch import Tensor, nn

from deepdigits.metrics.report import Report
from deepdigits.plots import image_grid
from deepdigits.plots.evaluation import confusion_matrix, reliability_diagram

Figures = dict[str, Figure]


def training_digits(images: Tensor) -> Figures:
    """The first augmented images (B, 1, 28, 28) of a training batch."""
    grid = image_grid.image_grid(images[:64].clamp(0, 1), heading="training digits, augmented")
    return {"train/digits": grid}


def evaluation(
    stage: str, report: Report, images: Tensor, labels: Tensor, probabilities: Tensor
) -> Figures:
    """Confusion matrix, worst mistakes and reliability of an evaluation.

    Args:
        stage: First part of the tags.
        report: The metrics of the evaluation, with the names of the classes.
        images: The images (N, 28, 28), uint8.
        labels: Their classes (N,).
        probabilities: Class probabilities (N, C).
    """
    confidences, predicted = probabilities.max(dim=1)
    correct = (predicted == labels).numpy()
    worst = image_grid.mistakes(images, labels, predicted, confidences, report.class_names)
    return {
        f"{stage}/confusion": confusion_matrix(report),
        f"{stage}/mistakes": worst,
        f"{stage}/reliability": reliability_diagram(confidences.clamp(0, 1).numpy(), correct),
    }


def first_layer(net: nn.Module) -> Figures:
    """The filters of the first layer with weights, if each can be drawn as an image."""
    weight = next((p for p in net.parameters() if p.ndim > 1), None)
    if weight is None:
        return {}
    is_rows = weight.ndim == 2 and math.isqrt(weight.shape[1]) ** 2 == weight.shape[1]
    if is_rows or (weight.ndim == 4 and weight.shape[1] == 1):
        return {"filters": image_grid.filters(weight)}
    return {}
