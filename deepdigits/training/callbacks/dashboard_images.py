"""Write figures to TensorBoard; they are drawn in the plots room."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.utils.tensorboard.writer import SummaryWriter

from deepdigits.core.files import atomic_path
from deepdigits.data.module import DigitsDataModule, to_float
from deepdigits.data.registry import Split
from deepdigits.metrics.report import Report
from deepdigits.models.layers import penultimate
from deepdigits.plots import image_grid
from deepdigits.plots.evaluation import confusion_matrix, reliability_diagram
from deepdigits.plots.sprite import sprite
from deepdigits.plots.style import pixels

NUM_EMBEDDED = 2_000


def training_digits(writer: SummaryWriter, step: int, images: Tensor, labels: Tensor) -> None:
    """The first augmented images (B, 1, 28, 28) of a training batch."""
    grid = image_grid.image_grid(images[:64].clamp(0, 1), heading="training digits, augmented")
    _add(writer, step, "train/digits", grid)


def evaluation(
    writer: SummaryWriter,
    step: int,
    stage: str,
    report: Report,
    data: DigitsDataModule,
    split: Split,
    probabilities: Tensor,
) -> None:
    """Confusion matrix, worst mistakes, reliability and PR curves of an evaluation.

    Args:
        writer: The TensorBoard writer.
        step: Step of the training.
        stage: First part of the tags.
        report: The metrics of the evaluation.
        data: The data module with the images.
        split: The split that was evaluated.
        probabilities: Class probabilities (N, C) of the first N images of the split.
    """
    images, labels = (
        tensor[: len(probabilities)].cpu() for tensor in data.images_and_labels(split)
    )
    confidences, predicted = probabilities.max(dim=1)
    named = Report(report.confusion, data.class_names, report.loss)
    _add(writer, step, f"{stage}/confusion", confusion_matrix(named))
    worst = image_grid.mistakes(images, labels, predicted, confidences, data.class_names)
    _add(writer, step, f"{stage}/mistakes", worst)
    correct = (predicted == labels).numpy()
    diagram = reliability_diagram(confidences.clamp(0, 1).numpy(), correct)
    _add(writer, step, f"{stage}/reliability", diagram)
    for label, name in enumerate(data.class_names):
        tag = f"{stage}/{name.replace('/', ' or ')}"
        writer.add_pr_curve(tag, labels == label, probabilities[:, label], step)


def first_layer(writer: SummaryWriter, step: int, net: nn.Module) -> None:
    """The filters of the first layer with weights, if each can be drawn as an image."""
    weight = next((p for p in net.parameters() if p.ndim > 1), None)
    if weight is None:
        return
    is_rows = weight.ndim == 2 and math.isqrt(weight.shape[1]) ** 2 == weight.shape[1]
    if is_rows or (weight.ndim == 4 and weight.shape[1] == 1):
        _add(writer, step, "filters", image_grid.filters(weight))


def embedding(
    writer: SummaryWriter,
    step: int,
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
) -> None:
    """The input of the last layer for the first 2,000 images (uint8), for the projector.

    Each point is drawn as its image, in the color of its class. A net whose last layer is not
    linear has none.
    """
    if not any(isinstance(module, nn.Linear) for module in net.modules()):
        return
    shown = to_float(images[:NUM_EMBEDDED]).to(next(net.parameters()).device)
    features = penultimate(net, shown).float().cpu()
    if features.shape[:-1] != shown.shape[:1]:  # the layer is inside of another one
        return
    names = [class_names[label] for label in labels[:NUM_EMBEDDED].tolist()]
    writer.add_embedding(features, names, shown.cpu(), step, "penultimate")
    # torch has written a sprite of opaque digits, which hide each other: replace it.
    path = Path(writer.log_dir, f"{step:05}", "penultimate", "sprite.png")
    digits = sprite(images[:NUM_EMBEDDED].cpu().numpy(), labels[:NUM_EMBEDDED].cpu().numpy())
    with atomic_path(path) as part:
        Image.fromarray(digits).save(part, "PNG")


def _add(writer: SummaryWriter, step: int, tag: str, figure: Figure) -> None:
    writer.add_image(tag, torch.from_numpy(pixels(figure)), step, dataformats="HWC")
