"""One picture of many digits, each in the colour of its class, for TensorBoard's projector."""

import math
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

# Of Okabe and Ito's and of Tol's colours those that stand out on white; whom two of them look alike
# has the shape of the digit. From the eleventh class on they come again.
COLOURS = (
    "#332288",
    "#56B4E9",
    "#009E73",
    "#D55E00",
    "#999933",
    "#E69F00",
    "#CC79A7",
    "#882255",
    "#0072B2",
    "#6B6B6B",
)


def sprite(images: NDArray[Any], labels: ArrayLike) -> NDArray[np.uint8]:
    """The images row by row in a square, as (side, side, 4): colour by class, ink as opacity.

    Where there is no ink it is transparent: one digit in front of another leaves it to be seen.

    Args:
        images: uint8 (N, H, H), 0 for no ink.
        labels: Classes, (N,).

    >>> sprite(np.full((3, 28, 28), 255), [0, 1, 2]).shape
    (56, 56, 4)
    """
    number, height, width = images.shape
    side = math.ceil(math.sqrt(number))
    palette = np.array([to_rgb(colour) for colour in COLOURS])
    colours = (255 * palette[np.asarray(labels) % len(COLOURS)]).round().astype(np.uint8)
    tiles = np.zeros((side * side, height, width, 4), np.uint8)
    tiles[:number, :, :, :3] = colours[:, None, None]
    tiles[:number, :, :, 3] = images
    rows = tiles.reshape(side, side, height, width, 4).transpose(0, 2, 1, 3, 4)
    return rows.reshape(side * height, side * width, 4)
