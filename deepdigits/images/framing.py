"""From the ink of one digit to MNIST's own frame.

MNIST's digits were scaled to fit a box of 20x20 pixels, aspect kept, which made grey levels, and
placed in 28x28 with their centre of mass in the middle (LeCun, Cortes and Burges,
http://yann.lecun.com/exdb/mnist). Measured on the test set: the box of the pixels above half of
full ink is 20 long for 98.6 % of the digits, and the centre of mass lies at pixel 14.0, off by
up to 0.5: the shift was by whole pixels.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FRAME, BOX, CENTRE = 28, 20, 14
Tile = NDArray[np.uint8]


def to_frame(ink: NDArray[np.float32]) -> Tile:
    """A digit as MNIST has it: uint8 (28, 28), 0 for the page and 255 for full ink.

    Args:
        ink: In [0, 1], shape (H, W); the digit alone.

    Returns:
        All zeros where there is no ink.

    >>> bar = np.zeros((300, 200), np.float32)
    >>> bar[40:240, 90:120] = 1
    >>> tile = to_frame(bar)
    >>> rows, columns = np.nonzero(tile > 127)
    >>> len(set(rows)), len(set(columns)), round(float(rows.mean()))
    (20, 3, 14)
    """
    crop = _tight(ink)
    if not crop.size:
        return np.zeros((FRAME, FRAME), np.uint8)
    scale = BOX / max(crop.shape)
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    # Plain means of areas down, as the strokes of MNIST have them; smooth curves up.
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(crop).resize((width, height), method)).clip(0, 1)
    return _centred((255 * small / small.max()).round().astype(np.uint8))


def _tight(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The box of the pixels above half of full ink."""
    strong = ink > 0.5
    rows, columns = (np.flatnonzero(strong.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(box: Tile) -> Tile:
    """Placed in the frame by whole pixels, the centre of mass as near to the middle as it gets."""
    frame = np.zeros((FRAME, FRAME), np.uint8)
    corner = []
    for axis, size in enumerate(box.shape):
        profile = box.sum(axis=1 - axis, dtype=np.float64)
        mass = float(profile @ np.arange(size) / profile.sum())
        corner.append(min(max(0, round(CENTRE - mass)), FRAME - size))
    top, left = corner
    frame[top : top + box.shape[0], left : left + box.shape[1]] = box
    return frame
