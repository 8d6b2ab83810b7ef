"""Examples of each class: a row of images for each, with its name."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepdigits.core.text import figure_text, shortened
from deepdigits.plots.style import new_figure

MAX_CLASSES = 100  # more rows make a picture that nobody reads
_ONE_COLUMN = 12  # classes up to which their rows stand below each other
_CELL = 0.42  # inches of an image
_MAX_NAME = 16  # characters of a name


def class_examples(
    images: NDArray[np.uint8],
    places: NDArray[np.int64],
    class_names: Sequence[str],
    heading: str = "",
) -> Figure:
    """A row of images of each class, light on dark; above `MAX_CLASSES` of the first classes.

    Args:
        images: uint8 (N, H, W).
        places: Places of the images of each class, (C, K); -1 leaves a cell empty.
        class_names: Name of each class.
        heading: Title of the figure.

    Raises:
        ValueError: There are not as many names as rows of places.
    """
    if len(places) != len(class_names):
        raise ValueError(f"{len(class_names)} names for {len(places)} classes, expected as many")
    shown, names = places[:MAX_CLASSES], [_short(name) for name in class_names[:MAX_CLASSES]]
    columns = 1 if len(shown) <= _ONE_COLUMN else 2
    rows = math.ceil(len(shown) / columns)
    name_width = 0.25 + 0.08 * max(map(len, names), default=0)
    width = columns * (name_width + _CELL * shown.shape[1])
    figure = new_figure(max(width, 3.5), 0.45 + _CELL * rows)
    cut = (
        f" (the first {MAX_CLASSES} of {len(places):,} classes)" if len(places) > len(shown) else ""
    )
    figure.suptitle(figure_text(heading) + cut, fontsize=9)
    each = np.array_split(np.arange(len(shown)), range(rows, len(shown), rows))
    for axes, own in zip(figure.subplots(1, columns, squeeze=False)[0], each, strict=False):
        canvas = _canvas(images, shown[own], rows)
        axes.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        height = images.shape[1] + 2
        axes.set_yticks(
            [height * row + height / 2 - 1.5 for row in range(len(own))],
            [names[number] for number in own],
            fontsize=8,
        )
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _canvas(images: NDArray[np.uint8], places: NDArray[np.int64], rows: int) -> NDArray[np.float32]:
    """The images of some classes as one, with gaps; what is empty is transparent."""
    height, width = (side + 2 for side in images.shape[1:])
    canvas = np.full((rows * height, places.shape[1] * width), np.nan, np.float32)
    for row, column in np.argwhere(places >= 0):
        tile = images[places[row, column]]
        top, left = row * height, column * width
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return canvas


def _short(name: str) -> str:
    return figure_text(shortened(name, _MAX_NAME))
