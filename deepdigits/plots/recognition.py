"""The recognition figure: images with boxes, and for each digit its crop, saliency and bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from deepdigits.core.text import figure_text
from deepdigits.plots import recognition_layout as layout
from deepdigits.plots.style import (
    BLUE,
    GREY,
    LIGHT_GREY,
    PALE_BLUE,
    VERMILLION,
    new_figure,
    save_figure,
)

MAX_IMAGES = 12  # further images are left out, with a note in the figure
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf")
TITLES = ("input of the net", "saliency", "probability")


@dataclass(frozen=True, eq=False)
class DigitPanel:
    """The panels of one digit.

    Attributes:
        box: Left, top, right and bottom, in pixels of the image.
        label: Name of the predicted class, or "?" if it was rejected.
        is_digit: False if it was rejected.
        crop: uint8 (28, 28), light on dark.
        saliency: (28, 28); above 0: the pixel is evidence for the best class, below 0: against it.
        probabilities: The probability of each class, (C,).
    """

    box: tuple[int, int, int, int]
    label: str
    is_digit: bool
    crop: NDArray[np.uint8]
    saliency: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def colour(self) -> str:
        """Colour of its box and of the bar of its best class."""
        return VERMILLION if self.is_digit else BLUE


@dataclass(frozen=True, eq=False)
class ImagePanel:
    """The panels of one image.

    Attributes:
        title: Name of the image.
        image: The image itself.
        text: The recognized number; empty if the image has no digit.
        confidence: In [0, 1]; None if the image has no digit.
        digits: Its digits, in reading order.
        class_names: Name of each class.
    """

    title: str
    image: Image.Image
    text: str
    confidence: float | None
    digits: Sequence[DigitPanel]
    class_names: Sequence[str]


def save(panels: Sequence[ImagePanel], path: Path) -> None:
    """Draw images into a file; see `draw` and `save_figure`."""
    save_figure(draw(panels), path)


def draw(panels: Sequence[ImagePanel]) -> Figure:
    """Draw each image with a box around each digit, and three panels of each digit.

    The panels are the input of the net, its saliency map (vermillion is evidence for the
    prediction, blue against it) and the probability of each class.
    """
    shown = panels[:MAX_IMAGES]
    sizes = [(panel.image.size, len(panel.digits)) for panel in shown]
    heights = [layout.height(*size) for size in sizes]
    figure = new_figure(max(layout.width(*size) for size in sizes), sum(heights) + 0.3)
    parts = figure.subfigures(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, panel, size in zip(parts, shown, sizes, strict=True):
        axes, cells = layout.add(part, *size)
        _draw_image(axes, panel)
        for digit, three in zip(panel.digits, cells, strict=False):
            _draw_digit(three, digit, panel.class_names)
        _draw_titles(part, panel, cells)
    more = f"the first {len(shown)} of {len(panels)} images; " if len(panels) > len(shown) else ""
    legend = f"{more}saliency: orange is evidence for the prediction, blue against it"
    figure.supxlabel(legend, fontsize=8, color=GREY, x=0.99, ha="right")
    return figure


def _draw_titles(part: SubFigure, panel: ImagePanel, cells: Sequence[Sequence[Axes]]) -> None:
    """Write the number and its confidence above the image, and the titles of the panels."""
    confidence = "" if panel.confidence is None else f"  confidence {panel.confidence:.1%}"
    cut = f"  (the first {len(cells)} digits)" if len(cells) < len(panel.digits) else ""
    text = f"{figure_text(panel.text) or 'no digit'}{confidence}{cut}"
    part.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if len(cells) == 1:
        for axes, title in zip(cells[0], TITLES, strict=True):
            axes.set_title(title, fontsize=8, color=GREY)
        return
    for digit, (crop, *_) in zip(panel.digits, cells, strict=False):
        crop.set_title(f"{digit.probabilities.max():.1%}", fontsize=8, color=digit.colour)
    for axes, title in zip(cells[0] if cells else (), TITLES, strict=False):
        axes.set_ylabel(title, fontsize=7, color=GREY)


def _draw_image(axes: Axes, panel: ImagePanel) -> None:
    image = panel.image
    preview = image.convert("RGBA" if image.has_transparency_data else "RGB")
    extent = (0.0, float(image.width), float(image.height), 0.0)  # axes in pixels of the image
    axes.imshow(preview.reduce(max(1, max(image.size) // 1000)), extent=extent)
    axes.set_anchor("NW")
    axes.set(xticks=(), yticks=())
    axes.spines[:].set(color=LIGHT_GREY)
    title = panel.title if len(panel.title) <= 40 else f"…{panel.title[-39:]}"
    axes.set_xlabel(figure_text(title), fontsize=8, color=GREY, loc="left")
    for digit in panel.digits:
        left, top, right, bottom = digit.box
        size = (right - left, bottom - top)
        axes.add_patch(Rectangle((left, top), *size, fill=False, color=digit.colour, linewidth=1.3))
        frame = {"boxstyle": "square,pad=0.15", "facecolor": digit.colour}
        axes.annotate(
            figure_text(digit.label),
            (left, top),
            color="white",
            fontsize=7,
            bbox=frame | {"edgecolor": digit.colour},
            va="bottom",
            ha="left",
        )


def _draw_digit(cells: Sequence[Axes], digit: DigitPanel, class_names: Sequence[str]) -> None:
    crop, saliency, bars = cells
    crop.imshow(digit.crop, cmap="gray", vmin=0, vmax=255)
    saliency.imshow(digit.crop, cmap="gray_r", vmin=0, vmax=400)
    saliency.imshow(coloured(digit.saliency), interpolation="bicubic")
    for axes in (crop, saliency):
        axes.set_anchor("N")
        axes.set(xticks=(), yticks=())
        axes.spines[:].set(color=LIGHT_GREY)
    best = int(digit.probabilities.argmax())
    classes = range(len(class_names))
    colours = [digit.colour if label == best else PALE_BLUE for label in classes]
    bars.axhline(1, color=LIGHT_GREY, linewidth=0.8)
    bars.bar(classes, digit.probabilities, color=colours)
    bars.set(ylim=(0, 1.02), yticks=())
    bars.spines[["top", "right", "left"]].set_visible(False)
    ticks = classes if len(class_names) <= 10 else [best]
    bars.set_xticks(ticks, [figure_text(class_names[label]) for label in ticks])
    bars.tick_params(labelsize=6, length=0, pad=1)


def coloured(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    """A saliency map as RGBA (H, W, 4): vermillion above 0, blue below, transparent at 0.

    >>> coloured(np.array([[0.0, 2.0, -1.0]], np.float32))[0, :, 3].tolist()
    [0.0, 0.800000011920929, 0.4000000059604645]
    """
    largest = float(np.abs(saliency).max()) or 1.0
    colours = np.where(saliency[..., None] > 0, to_rgb(VERMILLION), to_rgb(BLUE))
    alpha = 0.8 * np.abs(saliency[..., None]) / largest
    rgba: NDArray[np.float32] = np.concatenate([colours, alpha], axis=-1).astype(np.float32)
    return rgba
