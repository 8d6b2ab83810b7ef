"""Grids of small images: digits with titles, mistakes, filters."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from deepdigits.core.text import figure_text
from deepdigits.plots.style import new_figure

# In inches: the width of a figure, the height of its heading, the height of a line of text.
WIDTH, HEADING, LINE_HEIGHT = 5, 0.4, 0.16


def image_grid(
    images: Tensor | NDArray[Any],
    titles: Sequence[str] = (),
    heading: str = "",
    columns: int | None = None,
) -> Figure:
    """A grid of grey images with titles; 0 is black.

    Args:
        images: uint8, or floats in [0, 1], of shape (N, H, W) or (N, 1, H, W).
        titles: One per image; or empty.
        heading: Title of the figure.
        columns: Images in a row. None: about as many columns as rows.

    Raises:
        ValueError: The images have a different shape, or the number of titles differs.
    """
    tiles = _tiles(images)
    if len(titles) not in (0, len(tiles)):
        raise ValueError(
            f"{len(titles)} titles for {len(tiles)} images, expected one per image or none"
        )
    columns = columns or max(1, math.ceil(math.sqrt(len(tiles))))
    return _draw(tiles, columns, heading, titles, cmap="gray", vmin=0, vmax=1)


def mistakes(
    images: Tensor | NDArray[Any],
    labels: ArrayLike,
    predictions: ArrayLike,
    confidences: ArrayLike,
    class_names: Sequence[str] | None = None,
    limit: int = 25,
) -> Figure:
    """The mistakes with the highest confidence, in descending order.

    A title is the true and the predicted class, and the confidence.

    Args:
        images: All images, in a format of `image_grid`; correct predictions are left out.
        labels: True classes, (N,).
        predictions: Predicted classes, (N,).
        confidences: Probability of each predicted class, (N,).
        class_names: Name of each class. None: the numbers.
        limit: Show this many mistakes at most.

    Raises:
        ValueError: The four have different lengths.
    """
    true, predicted, confidence = (_array(values) for values in (labels, predictions, confidences))
    if not true.shape == predicted.shape == confidence.shape == (len(images),):
        raise ValueError(
            f"{len(images)} images, labels {true.shape}, predictions {predicted.shape} and "
            f"confidences {confidence.shape}, expected one of each per image"
        )
    wrong = np.flatnonzero(true != predicted)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    numbers = [str(label) for label in range(int(max(true.max(), predicted.max())) + 1)]
    names = list(map(figure_text, class_names or numbers))
    short = max(map(len, names)) <= 6  # both names fit on one line
    titles = [
        f"{names[true[i]]} → {names[predicted[i]]}\n{confidence[i]:.1%}"
        if short
        else f"{names[true[i]]} →\n{names[predicted[i]]} {confidence[i]:.1%}"
        for i in worst
    ]
    heading = f"true → predicted: the {len(worst)} most confident of {len(wrong):,} mistakes"
    if not len(wrong):
        heading = f"no mistake in {len(true):,} images"
    return image_grid(images[worst], titles, heading, columns=math.ceil(math.sqrt(limit)))


def filters(weight: Tensor | NDArray[Any], limit: int = 144) -> Figure:
    """The filters of the first layer: positive weights are red, negative ones blue, 0 is white.

    Args:
        weight: Kernels (O, 1, k, k) of a convolution, or rows (O, side * side) of a linear layer.
        limit: Show this many filters at most.

    Raises:
        ValueError: The weight has a different shape.
    """
    rows = _array(weight)
    side = math.isqrt(rows.shape[-1])
    if rows.ndim == 2 and side * side == rows.shape[1]:
        rows = rows.reshape(-1, side, side)
    if not (rows.ndim == 3 or (rows.ndim == 4 and rows.shape[1] == 1)):
        raise ValueError(
            f"weight has shape {rows.shape}, expected kernels (O, 1, k, k) or rows of squares "
            "(O, k * k)"
        )
    tiles = _tiles(rows)[:limit]
    columns = max(1, math.ceil(math.sqrt(len(tiles))))
    reach = float(np.abs(tiles).max(initial=0)) or 1.0
    shown = f"first {len(tiles)} of {len(rows)}" if len(rows) > limit else f"{len(rows)}"
    heading = f"{shown} filters of the first layer, {tiles.shape[1]} x {tiles.shape[2]}"
    figure = _draw(tiles, columns, heading, cmap="RdBu_r", vmin=-reach, vmax=reach)
    (axes,) = figure.axes
    figure.colorbar(axes.images[0], ax=axes, label="weight", shrink=0.8)
    figure.set_figheight(0.87 * figure.get_figheight())  # the colour bar makes the image narrower
    return figure


def _array(values: object) -> NDArray[Any]:
    tensor = torch.as_tensor(values).detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _tiles(images: object) -> NDArray[np.float32]:
    """Images as float32 (N, H, W); uint8 is scaled to [0, 1]."""
    tiles = _array(images)
    if tiles.ndim == 4 and tiles.shape[1] == 1:
        tiles = tiles[:, 0]
    if tiles.ndim != 3:
        raise ValueError(f"images have shape {tiles.shape}, expected (N, H, W) or (N, 1, H, W)")
    scale = 255 if tiles.dtype == np.uint8 else 1
    return tiles.astype(np.float32) / np.float32(scale)


def _draw(
    tiles: NDArray[np.float32],
    columns: int,
    heading: str,
    titles: Sequence[str] = (),
    **colours: Any,
) -> Figure:
    """Draw all tiles as one image, which is ten times as fast as one image per tile."""
    height, width = tiles.shape[1:]
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    above = math.ceil(lines * LINE_HEIGHT * columns * width / WIDTH)
    between = max(1, round(width / 14))
    step_y, step_x = height + above + between, width + between
    rows = math.ceil(len(tiles) / columns)
    canvas = np.full((max(1, rows * step_y), columns * step_x), np.nan, np.float32)
    figure = new_figure(WIDTH, HEADING + WIDTH * canvas.shape[0] / canvas.shape[1])
    figure.suptitle(heading, fontsize=10)
    axes = figure.subplots()
    axes.axis("off")
    longest = max((len(line) for title in titles for line in title.split("\n")), default=1)
    fontsize = min(8.0, 72 * WIDTH / columns / (0.65 * longest))  # a letter is 0.6 font sizes wide
    for i, tile in enumerate(tiles):
        y, x = (i // columns) * step_y + above, (i % columns) * step_x
        canvas[y : y + height, x : x + width] = tile
        if titles:
            axes.text(
                x + width / 2,
                y - 1,
                titles[i],
                ha="center",
                va="bottom",
                fontsize=fontsize,
                in_layout=False,
            )
    axes.imshow(canvas, interpolation="nearest", **colours)
    return figure
