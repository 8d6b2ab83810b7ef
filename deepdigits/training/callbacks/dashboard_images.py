"""What the dashboard draws into TensorBoard; the figures themselves are pure (figures)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.utils.tensorboard.writer import SummaryWriter

from deepdigits.data.module import DigitsDataModule, Split, to_float
from deepdigits.metrics.report import Report
from deepdigits.models.layers import penultimate
from deepdigits.plots import evaluation as figures
from deepdigits.plots import image_grid as mosaics
from deepdigits.plots import style
from deepdigits.plots.sprite import sprite

NUM_EMBEDDED = 2_000


def training_digits(writer: SummaryWriter, step: int, images: Tensor, labels: Tensor) -> None:
    """The first digits of a batch as the net sees them, augmented: images (B, 1, 28, 28)."""
    grid = mosaics.image_grid(images[:64].clamp(0, 1), heading="training digits, augmented")
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
        writer: Where to.
        step: Step of the training.
        stage: First part of the tags.
        report: The figures.
        data: Where the images are.
        split: Which images.
        probabilities: Class probabilities (N, C) of the first N images of the split.
    """
    images, labels = (
        tensor[: len(probabilities)].cpu() for tensor in data.images_and_labels(split)
    )
    sure, predicted = probabilities.max(dim=1)
    named = Report(report.confusion, data.class_names, report.loss)
    _add(writer, step, f"{stage}/confusion", figures.confusion_matrix(named))
    worst = mosaics.mistakes(images, labels, predicted, sure, data.class_names)
    _add(writer, step, f"{stage}/mistakes", worst)
    diagram = figures.reliability_diagram(sure.clamp(0, 1).numpy(), (predicted == labels).numpy())
    _add(writer, step, f"{stage}/reliability", diagram)
    for label, name in enumerate(data.class_names):
        tag = f"{stage}/{name.replace('/', ' or ')}"
        writer.add_pr_curve(tag, labels == label, probabilities[:, label], step)


def first_layer(writer: SummaryWriter, step: int, net: nn.Module) -> None:
    """The filters of the first layer with weights, where they are pictures."""
    weight = next((p for p in net.parameters() if p.ndim > 1), None)
    if weight is not None and (weight.ndim == 2 or weight.shape[1] == 1):
        _add(writer, step, "filters", mosaics.filters(weight))


def embedding(
    writer: SummaryWriter,
    step: int,
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
) -> None:
    """The features before the last layer of the first 2,000 images (uint8), for the projector.

    Each is shown as its image, in the colour of its class.
    """
    shown = to_float(images[:NUM_EMBEDDED]).to(next(net.parameters()).device)
    features = penultimate(net, shown).float().cpu()
    names = [class_names[label] for label in labels[:NUM_EMBEDDED].tolist()]
    writer.add_embedding(features, names, shown.cpu(), step, "penultimate")
    # torch has written the digits white on black, each hiding those behind it.
    path = Path(writer.log_dir, f"{step:05}", "penultimate", "sprite.png")
    digits = sprite(images[:NUM_EMBEDDED].cpu().numpy(), labels[:NUM_EMBEDDED].cpu().numpy())
    Image.fromarray(digits).save(path)


def _add(writer: SummaryWriter, step: int, tag: str, figure: Figure) -> None:
    pixels = torch.from_numpy(style.pixels(figure))
    writer.add_image(tag, pixels, step, dataformats="HWC")
