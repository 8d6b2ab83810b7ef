"""From the ink of a picture to single digits: boxes, in reading order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float32]

MIN_HEIGHT = 8  # pixels: a smaller blot is no digit
MIN_SHARE = 0.4  # of the height of the tallest digit: what is smaller is a dot, a comma, a speck
MAX_DIGITS = 200  # more blots than that are a texture, not writing
_NEIGHBOURS = np.ones((3, 3), dtype=int)  # diagonal ones too


@dataclass(frozen=True)
class Segment:
    """One digit of a picture.

    Attributes:
        box: Left, top, right and bottom in pixels; right and bottom are the first beyond it.
        parts: The numbers of its pieces in the labelled picture.
    """

    box: tuple[int, int, int, int]
    parts: tuple[int, ...]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]

    def joined(self, other: "Segment") -> "Segment":
        """Both as one."""
        low = [min(a, b) for a, b in zip(self.box[:2], other.box[:2], strict=True)]
        high = [max(a, b) for a, b in zip(self.box[2:], other.box[2:], strict=True)]
        return Segment((low[0], low[1], high[0], high[1]), self.parts + other.parts)


def split_digits(ink: Ink) -> list[tuple[Segment, Ink]]:
    """Each digit of a picture, with its own ink alone, in reading order.

    Args:
        ink: In [0, 1], shape (H, W).

    >>> ink = np.zeros((50, 90), np.float32)
    >>> ink[10:40, 50:55] = ink[12:42, 20:25] = ink[44:46, 34:36] = 1  # two bars and a dot
    >>> [segment.box for segment, _ in split_digits(ink)]
    [(20, 12, 25, 42), (50, 10, 55, 40)]
    """
    labels, segments = _pieces(ink)
    digits = [s for s in merge(segments) if s.height >= MIN_HEIGHT]
    tallest = max((max(s.height, s.width) for s in digits), default=0)
    digits = [s for s in digits if max(s.height, s.width) >= MIN_SHARE * tallest]
    if len(digits) > MAX_DIGITS:
        return []
    return [(s, _own_ink(ink, labels, s)) for s in reading_order(digits)]


def merge(segments: list[Segment]) -> list[Segment]:
    """Pieces that belong to one digit joined: a piece above, below or inside another.

    Two pieces are one where they share most of the narrower one's columns and the smaller one is
    clearly smaller, or where they share rows too; full digits above each other stay apart.

    >>> body, bar = Segment((10, 20, 30, 60), (1,)), Segment((15, 10, 35, 14), (2,))
    >>> [segment.box for segment in merge([body, bar])]
    [(10, 10, 35, 60)]
    """
    merged: list[Segment] = []
    for segment in sorted(segments, key=lambda s: -s.width * s.height):
        closeness = [_closeness(segment, other) for other in merged]
        if max(closeness, default=0.0) > 0:
            home = closeness.index(max(closeness))
            merged[home] = merged[home].joined(segment)
        else:
            merged.append(segment)
    return merged


def reading_order(segments: list[Segment]) -> list[Segment]:
    """Line by line from the top, and from left to right in a line.

    >>> boxes = [(50, 12, 60, 30), (10, 10, 20, 30), (10, 50, 20, 70)]
    >>> [s.box[:2] for s in reading_order([Segment(box, ()) for box in boxes])]
    [(10, 10), (50, 12), (10, 50)]
    """
    lines: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: s.box[1] + s.box[3]):
        middle = (segment.box[1] + segment.box[3]) / 2
        for line in lines:
            if line[-1].box[1] <= middle < line[-1].box[3]:
                line.append(segment)
                break
        else:
            lines.append([segment])
    return [segment for line in lines for segment in sorted(line, key=lambda s: s.box[0])]


def _pieces(ink: Ink) -> tuple[NDArray[np.int32], list[Segment]]:
    """Connected pieces of what has some ink, those that have full ink somewhere."""
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


def _closeness(small: Segment, large: Segment) -> float:
    """How much a piece is part of a digit whose larger piece is given; 0 where it is not."""
    across = min(small.box[2], large.box[2]) - max(small.box[0], large.box[0])
    down = min(small.box[3], large.box[3]) - max(small.box[1], large.box[1])
    share = across / min(small.width, large.width)
    if share >= 0.5:
        near = down > 0 or (small.height < 0.6 * large.height and -down < 0.25 * large.height)
        return share if near else 0.0
    # The bar of a 5 or a 7 that starts beside the body: no digit is a bar that lies.
    lies = small.width > 1.5 * small.height and small.height < 0.35 * large.height
    return 0.1 if lies and down > 0 and -across < 0.12 * large.height else 0.0


def _own_ink(ink: Ink, labels: NDArray[np.int32], segment: Segment) -> Ink:
    """The ink in the segment's box, without what belongs to its neighbours."""
    left, top, right, bottom = segment.box
    window = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    foreign = (labels[window] > 0) & ~np.isin(labels[window], segment.parts)
    return np.where(foreign, np.float32(0), ink[window])
