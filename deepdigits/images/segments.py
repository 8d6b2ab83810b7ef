"""Split the ink of an image into single digits, in reading order."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepdigits.images.merging import Segment, merge

Ink = NDArray[np.float32]

MIN_HEIGHT = 8  # pixels: smaller pieces are not digits
MIN_SHARE = 0.4  # of the height of the tallest digit: smaller pieces are dots, commas, specks
MAX_DIGITS = 200  # more pieces are a texture, not writing
_NEIGHBOURS = np.ones((3, 3), dtype=int)  # diagonal ones too


def split_digits(ink: Ink) -> list[tuple[Segment, Ink]]:
    """Each digit of an image with its own ink, in reading order.

    Args:
        ink: In [0, 1], shape (H, W).

    >>> ink = np.zeros((50, 90), np.float32)
    >>> ink[10:40, 50:55] = ink[12:42, 20:25] = ink[44:46, 34:36] = 1  # two bars and a dot
    >>> [segment.box for segment, _ in split_digits(ink)]
    [(20, 12, 25, 42), (50, 10, 55, 40)]
    """
    labels, segments = _connected_components(ink)
    digits = [s for s in merge(segments) if s.height >= MIN_HEIGHT]
    tallest = max((max(s.height, s.width) for s in digits), default=0)
    digits = [s for s in digits if max(s.height, s.width) >= MIN_SHARE * tallest]
    if len(digits) > MAX_DIGITS:
        return []
    return [(s, _own_ink(ink, labels, s)) for s in reading_order(digits)]


def reading_order(segments: list[Segment]) -> list[Segment]:
    """Sort by line from the top, and from left to right in a line.

    >>> boxes = [(50, 12, 60, 30), (10, 10, 20, 30), (10, 50, 20, 70)]
    >>> [s.box[:2] for s in reading_order([Segment(box, ()) for box in boxes])]
    [(10, 10), (50, 12), (10, 50)]
    """
    lines: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: s.box[1] + s.box[3]):
        for line in lines:
            if any(_in_one_line(segment, other) for other in line):
                line.append(segment)
                break
        else:
            lines.append([segment])
    return [segment for line in lines for segment in sorted(line, key=lambda s: s.box[0])]


def _in_one_line(one: Segment, other: Segment) -> bool:
    """Whether the middle of either is at the height of the other."""
    middles = [(segment.box[1] + segment.box[3]) / 2 for segment in (one, other)]
    return any(a.box[1] <= m < a.box[3] for a, m in zip((other, one), middles, strict=True))


def _connected_components(ink: Ink) -> tuple[NDArray[np.int32], list[Segment]]:
    """Connected pieces of pixels with some ink that contain a pixel with strong ink."""
    labels, number = ndimage.label(ink > 0.25, _NEIGHBOURS)
    boxes = ndimage.find_objects(labels)
    strong = np.zeros(number + 1, dtype=bool)
    strong[labels[ink > 0.45]] = True
    segments = [
        Segment((columns.start, rows.start, columns.stop, rows.stop), (part,))
        for part, (rows, columns) in enumerate(boxes, start=1)
        if strong[part] and max(rows.stop - rows.start, columns.stop - columns.start) > 2
    ]
    return labels, segments


def _own_ink(ink: Ink, labels: NDArray[np.int32], segment: Segment) -> Ink:
    """The ink in the segment's box, without the ink of its neighbours."""
    left, top, right, bottom = segment.box
    window = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    foreign = (labels[window] > 0) & ~np.isin(labels[window], segment.parts)
    return np.where(foreign, np.float32(0), ink[window])
