"""One image of many digits, coloured by class, for the projector of TensorBoard."""

import math
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

from deepdigits.plots.style import CLASS_COLORS


def sprite(images: NDArray[Any], labels: ArrayLike) -> NDArray[np.uint8]:
    """Arrange images row by row in a square, coloured by class.

    The background of each digit is transparent, so that digits may overlap in the projector.

    Args:
        images: uint8 (N, H, W), 0 for the background.
        labels: Classes, (N,).

    Returns:
        RGBA, uint8 (rows * H, rows * W, 4).

    >>> sprite(np.full((3, 28, 28), 255), [0, 1, 2]).shape
    (56, 56, 4)
    """
    number, height, width = images.shape
    side = math.ceil(math.sqrt(number))
    palette = np.array([to_rgb(color) for color in CLASS_COLORS])
    colors = (255 * palette[np.asarray(labels) % len(CLASS_COLORS)]).round().astype(np.uint8)
    tiles = np.zeros((side * side, height, width, 4), np.uint8)
    tiles[:number, :, :, :3] = colors[:, None, None]
    tiles[:number, :, :, 3] = images
    rows = tiles.reshape(side, side, height, width, 4).transpose(0, 2, 1, 3, 4)
    return rows.reshape(side * height, side * width, 4)
