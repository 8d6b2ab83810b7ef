"""Ruled and squared paper: take the printed lines out of the ink."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

SPAN = 0.8  # of the picture that a line crosses; a digit's bar does so only if it fills it
COVER = 0.25  # of the picture in which the line itself is to be seen, not only strokes across it
THIN = 0.02  # of the picture's side: a printed line is thinner, and so are few digits' strokes
PIECE = 1 / 16  # of the side: the straight pieces that a line is made of
SLOPES = np.linspace(-0.06, 0.06, 25)  # tilted by up to 3 degrees


def remove_ruling(ink: Ink) -> Ink:
    """The ink without thin lines across the whole picture, level or upright, tilted a little.

    Where a digit's stroke crosses a line, the stroke stays.

    >>> ink = np.zeros((200, 200), np.float32)
    >>> ink[100] = 1
    >>> ink[50:150, 90:100] = 1
    >>> left = remove_ruling(ink)
    >>> left[100, 10], left[100, 95], left[60, 95]
    (np.float32(0.0), np.float32(1.0), np.float32(1.0))
    """
    mask = ink > 0.15
    lines = _level_lines(mask) | _level_lines(mask.T).T
    return np.where(lines, np.float32(0), ink) if lines.any() else ink


def _level_lines(mask: Mask) -> Mask:
    height, width = mask.shape
    lines = np.zeros_like(mask)
    thick = max(2, round(THIN * max(height, width)))
    piece = max(8, round(PIECE * width))
    if height <= 2 * thick or not _can_span(_runs(mask, piece, 1)):
        return lines
    straight = _runs(mask & ~_runs(mask, thick + 1, 0), piece, 1)
    if not _can_span(straight):
        return lines
    rows, columns = np.divmod(np.flatnonzero(straight), width)
    all_rows, all_columns = np.ogrid[:height, :width]
    while True:
        slope, places = _straightest(rows, columns, width)
        if not len(places):
            return lines
        near = np.unique(np.concatenate([places - 1, places, places + 1]))
        band = np.isin(_place(all_rows, all_columns, slope, width), near)
        lines |= band & ~_runs(mask, _thickness(places) + 3, 0)  # what is taller is a stroke
        rest = ~np.isin(_place(rows, columns, slope, width), near)
        rows, columns = rows[rest], columns[rest]


def _straightest(rows: Index, columns: Index, width: int) -> tuple[float, Index]:
    """The slope at which most pixels are on lines across the picture, and where these cross it."""
    best, slope, places = 0.0, 0.0, np.zeros(0, np.int64)
    for tilt in SLOPES:
        counts = np.bincount(_place(rows, columns, tilt, width))
        full = np.flatnonzero(counts >= COVER * width)
        score = float(counts[full] @ counts[full])  # highest where a line is on fewest places
        if score > best:
            best, slope, places = score, float(tilt), full
    own = _place(rows, columns, slope, width)
    spans = [np.ptp(columns[own == place]) >= SPAN * width for place in places]
    return slope, places[np.array(spans, dtype=bool)]


def _place(rows: Index, columns: Index, slope: float, width: int) -> Index:
    """Row in which a line of this slope through a pixel crosses the left edge, from 0."""
    shift = SLOPES[-1] * width
    place: Index = np.rint(rows - slope * columns + shift).astype(np.int64)
    return place


def _thickness(places: Index) -> int:
    """Of the thickest line: the longest run of neighbouring places."""
    ends = np.flatnonzero(np.diff(places, append=places[-1] + 2) > 1)
    return int(np.diff(ends, prepend=-1).max())


def _can_span(straight: Mask) -> bool:
    """Whether there can be a line: enough columns have a piece."""
    return float(straight.any(axis=0).mean()) >= COVER


def _runs(mask: Mask, length: int, axis: int) -> Mask:
    """The pixels in a straight run of at least so many: an opening with a bar."""
    size = (length, 1) if axis == 0 else (1, length)
    eroded = ndimage.minimum_filter(mask.view(np.uint8), size)
    # The reflected bar, so that the opening of an even length falls back into place.
    origin = [-1 if length % 2 == 0 and side > 1 else 0 for side in size]
    opened: NDArray[np.uint8] = ndimage.maximum_filter(eroded, size, origin=origin)
    return opened.astype(np.bool_)
