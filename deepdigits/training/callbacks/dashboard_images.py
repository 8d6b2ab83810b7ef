"""Write figures to TensorBoard; they are drawn in the plots room."""

from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.utils.tensorboard.writer import SummaryWriter

from deepdigits.core.files import atomic_path
from deepdigits.data.module import to_float
from deepdigits.metrics.report import Report
from deepdigits.models.layers import penultimate
from deepdigits.plots import image_grid
from deepdigits.plots.evaluation import confusion_matrix, reliability_diagram
from deepdigits.plots.sprite import sprite
from deepdigits.plots.style import pixels
from deepdigits.runs.evaluation import Pictured

NUM_EMBEDDED = 2_000
_TRAINING = "training digits, augmented"


def training_digits(writer: SummaryWriter, step: int, batch: Any) -> None:
    """The first augmented images (B, 1, H, W) of a training batch; nothing for other batches."""
    images = batch[0] if isinstance(batch, list | tuple) and batch else None
    if isinstance(images, Tensor) and images.ndim == 4 and images.shape[1] == 1:
        shown = images[:64].float().clamp(0, 1)
        _add(writer, step, "train/digits", image_grid.image_grid(shown, heading=_TRAINING))


def confusion(writer: SummaryWriter, step: int, stage: str, report: Report) -> None:
    """The confusion matrix of an evaluation."""
    _add(writer, step, f"{stage}/confusion", confusion_matrix(report))


def evaluation(
    writer: SummaryWriter, step: int, stage: str, pictured: Pictured, names: Sequence[str]
) -> None:
    """Worst mistakes, reliability and PR curves of an evaluation.

    Args:
        writer: The TensorBoard writer.
        step: Step of the training.
        stage: First part of the tags.
        pictured: Images, labels and probabilities of the split.
        names: Name of each class.
    """
    images, labels, probabilities = pictured
    confidences, predicted = probabilities.max(dim=1)
    worst = image_grid.mistakes(images, labels, predicted, confidences, names)
    _add(writer, step, f"{stage}/mistakes", worst)
    correct = (predicted == labels).numpy()
    diagram = reliability_diagram(confidences.clamp(0, 1).numpy(), correct)
    _add(writer, step, f"{stage}/reliability", diagram)
    for label, name in enumerate(names):
        tag = f"{stage}/{name.replace('/', ' or ')}"
        writer.add_pr_curve(tag, labels == label, probabilities[:, label], step)


def first_layer(writer: SummaryWriter, step: int, net: nn.Module) -> None:
    """The filters of the first layer with weights, if each can be drawn as an image."""
    weight = next((p for p in net.parameters() if p.ndim > 1), None)
    if weight is None or not weight.numel():
        return
    is_square = weight.ndim == 2 and isqrt(weight.shape[1]) ** 2 == weight.shape[1]
    if is_square or (weight.ndim == 4 and weight.shape[1] == 1):
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

    Each point is drawn as its image, in the color of its class. A net without a linear layer has
    none.
    """
    device = next((p.device for p in net.parameters()), images.device)
    shown = to_float(images[:NUM_EMBEDDED]).to(device)
    try:
        features = penultimate(net, shown).float().cpu()
    except ValueError:
        return
    if features.ndim != 2 or len(features) != len(shown):
        return  # its linear layers work on something else than whole images
    names = [class_names[label] for label in labels[:NUM_EMBEDDED].tolist()]
    writer.add_embedding(features, names, shown.cpu(), step, "penultimate")
    # torch has written a sprite of opaque digits, which hide each other: replace it.
    path = Path(writer.log_dir, f"{step:05}", "penultimate", "sprite.png")
    digits = sprite(images[:NUM_EMBEDDED].cpu().numpy(), labels[:NUM_EMBEDDED].cpu().numpy())
    with atomic_path(path) as part:
        Image.fromarray(digits).save(part, "PNG")


def _add(writer: SummaryWriter, step: int, tag: str, figure: Figure) -> None:
    writer.add_image(tag, torch.from_numpy(pixels(figure)), step, dataformats="HWC")
