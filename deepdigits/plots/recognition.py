"""A picture of what was read: the image with boxes, what the net saw, and what it went by."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from deepdigits.core.errors import InputError
from deepdigits.inference.reader import REJECTED, Digit, DigitReader, Reading
from deepdigits.inference.saliency import occlusion
from deepdigits.plots import recognition_layout as panels
from deepdigits.plots.evaluation import new_figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6B6B6B"  # told apart by colour-blind readers too
MAX_IMAGES = 12  # more are left out, and the picture says so
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf")
SHOWN = ("the net sees", "speaks for it", "probability")
Entry = tuple[str, Image.Image, Reading]


def save(entries: Sequence[Entry], reader: DigitReader, path: Path) -> None:
    """Draw what was read into a file; its ending says the format.

    Raises:
        InputError: It cannot be written.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the name of a file has it
            draw(entries, reader).savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--show {path} cannot be written: {error}") from error


def draw(entries: Sequence[Entry], reader: DigitReader) -> Figure:
    """For each image: itself with a box around each digit, and three pictures of each digit.

    These show what the net saw, what it went by (orange speaks for the answer, blue against it) and
    the probability of each class.

    Args:
        entries: Name, image and reading of each.
        reader: The net that read them.
    """
    shown = entries[:MAX_IMAGES]
    heights = [panels.height(image, reading) for _, image, reading in shown]
    width = max(panels.width(image, reading) for _, image, reading in shown)
    figure = new_figure(width, sum(heights) + 0.3)
    parts = figure.subfigures(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (name, image, reading) in zip(parts, shown, strict=True):
        axes, cells = panels.add(part, image, reading)
        _draw_image(axes, name, image, reading, reader.class_names)
        for digit, three in zip(reading.digits, cells, strict=False):
            _draw_digit(three, digit, reader)
        _say(part, reading, cells)
    more = f"the first {len(shown)} of {len(entries)} images; " if len(entries) > len(shown) else ""
    legend = f"{more}orange speaks for the answer, blue against it"
    figure.supxlabel(legend, fontsize=8, color=GREY, x=0.99, ha="right")
    return figure


def _say(part: SubFigure, reading: Reading, cells: Sequence[Sequence[Axes]]) -> None:
    """What was read, above all; and what each picture shows."""
    sure = "" if reading.confidence is None else f"  {reading.confidence:.1%} sure"
    cut = f"  (the first {len(cells)} digits)" if len(cells) < len(reading.digits) else ""
    text = f"{reading.text or 'no digit'}{sure}{cut}"
    part.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if len(cells) == 1:
        for axes, what in zip(cells[0], SHOWN, strict=True):
            axes.set_title(what, fontsize=8, color=GREY)
        return
    for digit, (seen, *_) in zip(reading.digits, cells, strict=False):
        seen.set_title(f"{digit.confidence:.1%}", fontsize=8, color=_colour(digit))
    for axes, what in zip(cells[0] if cells else (), SHOWN, strict=False):
        axes.set_ylabel(what, fontsize=7, color=GREY)


def _draw_image(
    axes: Axes, name: str, image: Image.Image, reading: Reading, names: Sequence[str]
) -> None:
    preview = image.convert("RGBA" if image.has_transparency_data else "RGB")
    extent = (0.0, float(image.width), float(image.height), 0.0)  # pixels, whatever size is drawn
    axes.imshow(preview.reduce(max(1, max(image.size) // 1000)), extent=extent)
    axes.set_anchor("NW")
    axes.set(xticks=(), yticks=())
    axes.spines[:].set(color="#D0D0D0")
    short = name if len(name) <= 40 else f"…{name[-39:]}"
    axes.set_xlabel(short, fontsize=8, color=GREY, loc="left", parse_math=False)
    for digit in reading.digits:
        left, top, right, bottom = digit.box
        colour, text = _colour(digit), REJECTED if digit.label is None else names[digit.label]
        size = (right - left, bottom - top)
        axes.add_patch(Rectangle((left, top), *size, fill=False, color=colour, linewidth=1.3))
        label = {"boxstyle": "square,pad=0.15", "facecolor": colour, "edgecolor": colour}
        axes.annotate(
            text, (left, top), color="white", fontsize=7, bbox=label, va="bottom", ha="left"
        )


def _draw_digit(cells: Sequence[Axes], digit: Digit, reader: DigitReader) -> None:
    seen, why, bars = cells
    seen.imshow(digit.crop, cmap="gray", vmin=0, vmax=255)
    pixels = torch.from_numpy(digit.crop / np.float32(255))
    why.imshow(digit.crop, cmap="gray_r", vmin=0, vmax=400)
    why.imshow(coloured(occlusion(reader.net, pixels, digit.best).numpy()), interpolation="bicubic")
    for axes in (seen, why):
        axes.set_anchor("N")
        axes.set(xticks=(), yticks=())
        axes.spines[:].set(color="#D0D0D0")
    names = reader.class_names
    classes = range(len(names))
    colours = [_colour(digit) if label == digit.best else "#9FB4C4" for label in classes]
    bars.axhline(1, color="#E0E0E0", linewidth=0.8)
    bars.bar(classes, digit.probabilities, color=colours)
    bars.set(ylim=(0, 1.02), yticks=())
    bars.spines[["top", "right", "left"]].set_visible(False)
    labelled = classes if len(names) <= 10 else [digit.best]
    bars.set_xticks(labelled, [names[label] for label in labelled])
    bars.tick_params(labelsize=6, length=0, pad=1)


def coloured(drop: NDArray[np.float32]) -> NDArray[np.float32]:
    """A saliency map as RGBA (H, W, 4): orange above 0, blue below, clear at 0.

    >>> coloured(np.array([[0.0, 2.0, -1.0]], np.float32))[0, :, 3].tolist()
    [0.0, 0.800000011920929, 0.4000000059604645]
    """
    reach = float(np.abs(drop).max()) or 1.0
    colours = np.where(drop[..., None] > 0, np.array((213, 94, 0)), np.array((0, 114, 178))) / 255
    alpha = 0.8 * np.abs(drop[..., None]) / reach
    picture: NDArray[np.float32] = np.concatenate([colours, alpha], axis=-1).astype(np.float32)
    return picture


def _colour(digit: Digit) -> str:
    return BLUE if digit.label is None else ORANGE
