"""Ruled and squared paper: take the printed lines out of the ink."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float32]

SPAN = 0.8  # of the picture that a line crosses; a digit's bar does so only if it fills it
THIN = 0.02  # of the picture's side: a printed line is thinner, and so are few digits' strokes
PIECE = 1 / 16  # of the side: the straight pieces that a line is made of, tilted by up to 3 degrees


def without_lines(ink: Ink) -> Ink:
    """The ink without thin lines across the whole picture, level or upright, tilted a little.

    Where a digit's stroke crosses a line, the stroke stays.

    >>> ink = np.zeros((200, 200), np.float32)
    >>> ink[100] = 1
    >>> ink[50:150, 90:100] = 1
    >>> left = without_lines(ink)
    >>> left[100, 10], left[100, 95], left[60, 95]
    (np.float32(0.0), np.float32(1.0), np.float32(1.0))
    """
    mask = ink > 0.15
    lines = _level_lines(mask) | _level_lines(mask.T).T
    return np.where(lines, np.float32(0), ink) if lines.any() else ink


def _level_lines(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = mask.shape
    thick = max(2, round(THIN * max(height, width)))
    piece = max(8, round(PIECE * width))
    none = np.zeros_like(mask)
    if height <= 2 * thick or not _spans(_runs(mask, piece, 1)):
        return none
    tall = _runs(mask, thick + 1, 0)
    straight = _runs(mask & ~tall, piece, 1)
    if not _spans(straight):
        return none
    joined = ndimage.maximum_filter(straight.view(np.uint8), (3, 2 * piece + 1))
    labels, _ = ndimage.label(joined)
    whole = [
        part
        for part, (_, columns) in enumerate(ndimage.find_objects(labels), start=1)
        if columns.stop - columns.start >= SPAN * width
    ]
    if not whole:
        return none
    near = ndimage.binary_dilation(straight & np.isin(labels, whole), np.ones((3, 3)))
    lines: NDArray[np.bool_] = near & ~tall
    return lines


def _spans(straight: NDArray[np.bool_]) -> bool:
    """Whether there can be a line: most columns have a piece."""
    return float(straight.any(axis=0).mean()) > SPAN - 0.2


def _runs(mask: NDArray[np.bool_], length: int, axis: int) -> NDArray[np.bool_]:
    """The pixels in a straight run of at least so many: an opening with a bar."""
    size = (length, 1) if axis == 0 else (1, length)
    eroded = ndimage.minimum_filter(mask.view(np.uint8), size)
    # The reflected bar, so that the opening of an even length falls back into place.
    origin = [-1 if length % 2 == 0 and side > 1 else 0 for side in size]
    opened: NDArray[np.uint8] = ndimage.maximum_filter(eroded, size, origin=origin)
    return opened.astype(np.bool_)
