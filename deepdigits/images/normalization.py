"""Bring the ink of one digit into MNIST's form.

MNIST's digits were scaled to fit a box of 20x20 pixels, aspect kept, which made grey levels, and
placed in 28x28 with their centre of mass in the middle (LeCun, Cortes and Burges,
http://yann.lecun.com/exdb/mnist). Counted on the 10,000 test digits: the box of all pixels with
ink is 20 pixels long for 9,997 of them, the box of pixels above a quarter of full ink for 9,989,
and above half for 9,877. The centre of mass is between 13.5 and 14.5 in rows and columns for all:
MNIST shifted digits by whole pixels.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, BOX, CENTRE = 28, 20, 14
MIN_INK = 0.3  # of pixels that count for the box: includes weak ends of strokes, but not their blur
Crop = NDArray[np.uint8]


def normalize_crop(ink: NDArray[np.float32]) -> Crop:
    """A digit in MNIST's form: uint8 (28, 28), 0 for the page and 255 for full ink.

    Args:
        ink: In [0, 1], shape (H, W), of this digit alone.

    Returns:
        The crop; all zeros if there is no ink.

    >>> bar = np.zeros((300, 200), np.float32)
    >>> bar[40:240, 90:120] = 1
    >>> crop = normalize_crop(bar)
    >>> rows, columns = np.nonzero(crop > 127)
    >>> len(set(rows)), len(set(columns)), round(float(rows.mean()))
    (20, 3, 14)
    """
    crop = _tight(ink)
    if not crop.size:
        return np.zeros((SIDE, SIDE), np.uint8)
    scale = BOX / max(crop.shape)
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    # When shrinking, Pillow widens its filter, so there is no aliasing.
    small = np.asarray(Image.fromarray(crop).resize((width, height), Image.Resampling.BICUBIC))
    small = small.clip(0, 1)
    return _centred((255 * small / small.max()).round().astype(np.uint8))


def _tight(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The box of the pixels with ink."""
    strong = ink > MIN_INK
    rows, columns = (np.flatnonzero(strong.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(box: Crop) -> Crop:
    """Place a box in 28x28 by whole pixels, its centre of mass as near the middle as possible."""
    frame = np.zeros((SIDE, SIDE), np.uint8)
    corner = []
    for axis, size in enumerate(box.shape):
        profile = box.sum(axis=1 - axis, dtype=np.float64)
        mass = float(profile @ np.arange(size) / profile.sum())
        corner.append(min(max(0, round(CENTRE - mass)), SIDE - size))
    top, left = corner
    frame[top : top + box.shape[0], left : left + box.shape[1]] = box
    return frame


def rotate(crop: Crop, degrees: float) -> Crop:
    """Rotate a crop about its middle, anticlockwise.

    >>> crop = np.zeros((28, 28), np.uint8)
    >>> crop[:, 14] = 255
    >>> rotate(crop, 90)[13, 5:9]
    array([255, 255, 255, 255], dtype=uint8)
    """
    return np.asarray(Image.fromarray(crop).rotate(degrees, Image.Resampling.BICUBIC))
