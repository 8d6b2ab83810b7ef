"""Remove the printed lines of ruled and squared paper from the ink."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

SPAN = 0.8  # of the image's width: a line is longer; a digit's bar is shorter
COVER = 0.25  # of the width: at least so much of a line is visible, not hidden by strokes
THIN = 0.02  # of the side: a printed line is thinner, and few digits' strokes are
PIECE = 1 / 16  # of the side: length of the straight pieces that are searched for
SLOPES = np.linspace(-0.06, 0.06, 25)  # lines tilted by up to 3 degrees


def remove_ruling(ink: Ink) -> Ink:
    """Remove thin lines across the whole image, horizontal or vertical, also slightly tilted ones.

    Where the stroke of a digit crosses a line, the stroke is kept.

    >>> ink = np.zeros((200, 200), np.float32)
    >>> ink[100] = 1
    >>> ink[50:150, 90:100] = 1
    >>> left = remove_ruling(ink)
    >>> left[100, 10], left[100, 95], left[60, 95]
    (np.float32(0.0), np.float32(1.0), np.float32(1.0))
    """
    mask = ink > 0.15
    lines = _horizontal_lines(mask) | _horizontal_lines(mask.T).T
    return np.where(lines, np.float32(0), ink) if lines.any() else ink


def _horizontal_lines(mask: Mask) -> Mask:
    height, width = mask.shape
    lines = np.zeros_like(mask)
    thick = max(2, round(THIN * max(height, width)))
    piece = max(8, round(PIECE * width))
    columns_with_ink = np.flatnonzero(mask.any(axis=0))
    if not len(columns_with_ink) or np.ptp(columns_with_ink) < SPAN * width:
        return lines
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
        lines |= band & ~_runs(mask, _thickness(places) + 3, 0)  # taller runs are strokes
        rest = ~np.isin(_place(rows, columns, slope, width), near)
        rows, columns = rows[rest], columns[rest]


def _straightest(rows: Index, columns: Index, width: int) -> tuple[float, Index]:
    """The slope with most pixels on lines across the image, and where they cross the edge."""
    best, slope, places = 0.0, 0.0, np.zeros(0, np.int64)
    for tilt in SLOPES:
        counts = np.bincount(_place(rows, columns, tilt, width))
        full = np.flatnonzero(counts >= COVER * width)
        score = float(counts[full] @ counts[full])  # highest if each line has a single place
        if score > best:
            best, slope, places = score, float(tilt), full
    own = _place(rows, columns, slope, width)
    spans = [np.ptp(columns[own == place]) >= SPAN * width for place in places]
    return slope, places[np.array(spans, dtype=bool)]


def _place(rows: Index, columns: Index, slope: float, width: int) -> Index:
    """Row at which a line of this slope through a pixel crosses the left edge, counted from 0."""
    shift = SLOPES[-1] * width
    place: Index = np.rint(rows - slope * columns + shift).astype(np.int64)
    return place


def _thickness(places: Index) -> int:
    """Thickness of the thickest line: the longest run of neighbouring places."""
    ends = np.flatnonzero(np.diff(places, append=places[-1] + 2) > 1)
    return int(np.diff(ends, prepend=-1).max())


def _can_span(straight: Mask) -> bool:
    """Whether a line is possible: enough columns have a straight piece."""
    return float(straight.any(axis=0).mean()) >= COVER


def _runs(mask: Mask, length: int, axis: int) -> Mask:
    """The pixels in straight runs of at least this length: an opening with a bar."""
    size = (length, 1) if axis == 0 else (1, length)
    eroded = ndimage.minimum_filter(mask.view(np.uint8), size)
    # The bar is reflected, so that an opening of even length is not shifted.
    origin = [-1 if length % 2 == 0 and side > 1 else 0 for side in size]
    opened: NDArray[np.uint8] = ndimage.maximum_filter(eroded, size, origin=origin)
    return opened.astype(np.bool_)
