"""Many small images in one figure: digits with titles, mistakes, filters."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from deepdigits.plots.evaluation import new_figure

WIDTH, HEADING, LINE_HEIGHT = 5, 0.4, 0.16  # inches: a figure's width, its heading, a line


def image_grid(
    images: Tensor | NDArray[Any],
    titles: Sequence[str] = (),
    heading: str = "",
    columns: int | None = None,
) -> Figure:
    """Grey images in rows, black for 0, each below its title.

    Args:
        images: uint8, or floats in [0, 1], of shape (N, H, W) or (N, 1, H, W).
        titles: One per image, or none.
        heading: Title of the whole.
        columns: Images in a row. None: as many as there are rows, roughly.

    Raises:
        ValueError: The images have another shape, or titles another length.
    """
    tiles = _tiles(images)
    if len(titles) not in (0, len(tiles)):
        raise ValueError(f"{len(titles)} titles for {len(tiles)} images, expected one each or none")
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
    """The mistakes of which the net was surest, worst first: true -> predicted, and how sure.

    Args:
        images: All images, as `image_grid` takes them; the right ones are left out.
        labels: True classes, (N,).
        predictions: Predicted classes, (N,).
        confidences: Probability of each predicted class, (N,).
        class_names: Name of each class. None: the numbers.
        limit: Number of mistakes to show.

    Raises:
        ValueError: The four differ in length.
    """
    true, predicted, sure = (_array(values) for values in (labels, predictions, confidences))
    if not true.shape == predicted.shape == sure.shape == (len(images),):
        raise ValueError(
            f"{len(images)} images, labels {true.shape}, predictions {predicted.shape} and "
            f"confidences {sure.shape}, expected one of each per image"
        )
    wrong = np.flatnonzero(true != predicted)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:limit]
    names = class_names or [
        str(label) for label in range(int(max(true.max(), predicted.max())) + 1)
    ]
    short = max(map(len, names)) <= 6  # both names go on one line
    titles = [
        f"{names[true[i]]} → {names[predicted[i]]}\n{sure[i]:.1%} sure"
        if short
        else f"{names[true[i]]} →\n{names[predicted[i]]} {sure[i]:.1%}"
        for i in worst
    ]
    heading = f"true → predicted: the surest {len(worst)} of {len(wrong):,} mistakes"
    if not len(wrong):
        heading = f"no mistake in {len(true):,} images"
    return image_grid(images[worst], titles, heading, columns=math.ceil(math.sqrt(limit)))


def filters(weight: Tensor | NDArray[Any], limit: int = 144) -> Figure:
    """What the first layer looks for: positive weights red, negative ones blue, 0 white.

    Args:
        weight: Kernels (O, 1, k, k) of a convolution, or rows (O, side * side) of a linear layer.
        limit: Number of filters to show, from the first.

    Raises:
        ValueError: The weight has another shape.
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
    figure.set_figheight(0.87 * figure.get_figheight())  # as the bar narrows the picture
    return figure


def _array(values: object) -> NDArray[Any]:
    tensor = torch.as_tensor(values).detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _tiles(images: object) -> NDArray[np.float32]:
    """As (N, H, W); bytes become floats in [0, 1]."""
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
    """Draw the tiles as one image: a picture each would take ten times as long."""
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
    fontsize = min(8.0, 72 * WIDTH / columns / (0.6 * longest))  # a letter is 0.6 of it wide
    for place, tile in enumerate(tiles):
        y, x = (place // columns) * step_y + above, (place % columns) * step_x
        canvas[y : y + height, x : x + width] = tile
        if titles:
            where = (x + width / 2, y - 1)
            axes.text(
                *where,
                titles[place],
                ha="center",
                va="bottom",
                fontsize=fontsize,
                in_layout=False,
            )
    axes.imshow(canvas, interpolation="nearest", **colours)
    return figure
