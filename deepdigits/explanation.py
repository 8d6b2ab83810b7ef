"""A picture of what was read: the image with boxes, what the net saw, and what it went by."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from PIL import Image

from deepdigits.errors import InputError
from deepdigits.recognition import Digit, DigitReader, Reading
from deepdigits.saliency import occlusion

BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito's: told apart by colour-blind readers too
MOST_IMAGES, MOST_DIGITS = 12, 10  # more are left out, and the title says so
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf")
Entry = tuple[str, Image.Image, Reading]


def save(entries: Sequence[Entry], reader: DigitReader, path: Path) -> None:
    """Draw what was read into a file; its ending says the format.

    Raises:
        InputError: It cannot be written.
    """
    try:
        draw(entries, reader).savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--show {path} cannot be written: {error}") from error


def draw(entries: Sequence[Entry], reader: DigitReader) -> Figure:
    """For each image: itself with a box around each digit, and each digit in a column of its own.

    A column shows what the net saw, what it went by (orange speaks for the digit, blue against it)
    and the probability of each class.

    Args:
        entries: Name, image and reading of each.
        reader: The net that read them.
    """
    shown = entries[:MOST_IMAGES]
    columns = max([min(MOST_DIGITS, len(reading.digits)) for _, _, reading in shown] + [2])
    figure = Figure(figsize=(4.2 + 1.3 * columns, 3.6 * len(shown)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(max(1, len(shown)), 1, squeeze=False)[:, 0]
    for part, (name, image, reading) in zip(parts, shown, strict=False):
        _draw_entry(part, columns, name, image, reading, reader)
    if len(entries) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(entries)} images", fontsize=10)
    return figure


def _draw_entry(
    part: SubFigure,
    columns: int,
    name: str,
    image: Image.Image,
    reading: Reading,
    reader: DigitReader,
) -> None:
    grid = part.add_gridspec(3, columns + 1, width_ratios=[3.0, *[1.0] * columns])
    axes = part.add_subplot(grid[:, 0])
    preview = image.convert("RGBA" if image.has_transparency_data else "RGB")
    axes.imshow(preview.reduce(max(1, max(image.size) // 1000)), extent=_extent(image))
    axes.axis("off")
    digits = reading.digits[:MOST_DIGITS]
    for digit in reading.digits:
        _draw_box(axes, digit, reader.class_names)
    cut = "" if len(digits) == len(reading.digits) else f" (the first {len(digits)} digits)"
    sure = "" if reading.confidence is None else f", {reading.confidence:.1%} sure"
    part.suptitle(f"{name}: {reading.text or 'no digit'}{sure}{cut}", fontsize=10)
    for column, digit in enumerate(digits, start=1):
        cells = [part.add_subplot(grid[row, column]) for row in range(3)]
        _draw_digit(cells, digit, reader)


def _draw_digit(cells: Sequence[Axes], digit: Digit, reader: DigitReader) -> None:
    seen, why, bars = cells
    seen.imshow(digit.tile, cmap="gray", vmin=0, vmax=255)
    pixels = torch.from_numpy(digit.tile / np.float32(255))
    drop = occlusion(reader.net, pixels, digit.best).numpy()
    reach = float(np.abs(drop).max()) or 1.0
    why.imshow(digit.tile, cmap="gray_r", vmin=0, vmax=400)
    why.imshow(drop, cmap="PuOr_r", vmin=-reach, vmax=reach, alpha=0.75)
    for axes in (seen, why):
        axes.axis("off")
    classes = range(len(reader.class_names))
    colours = [ORANGE if label == digit.label else BLUE for label in classes]
    bars.bar(classes, digit.probabilities, color=colours)
    bars.set(ylim=(0, 1), yticks=())
    few = len(reader.class_names) <= 10
    bars.set_xticks(classes if few else [digit.best], [], minor=False)
    bars.set_xticklabels(reader.class_names if few else [reader.class_names[digit.best]])
    bars.tick_params(labelsize=6, length=0, pad=1)


def _draw_box(axes: Axes, digit: Digit, names: Sequence[str]) -> None:
    left, top, right, bottom = digit.box
    colour = BLUE if digit.label is None else ORANGE
    place = (left, top)
    box = Rectangle(place, right - left, bottom - top, fill=False, color=colour, linewidth=1.5)
    axes.add_patch(box)
    text = "?" if digit.label is None else names[digit.label]
    axes.annotate(text, place, color=colour, va="bottom", fontsize=9, annotation_clip=False)


def _extent(image: Image.Image) -> tuple[float, float, float, float]:
    """Pixels of the image as coordinates, whatever size is drawn."""
    return (0, image.width, image.height, 0)
