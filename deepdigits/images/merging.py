"""Merge the pieces of one digit: bars, tails, broken strokes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_PIECES = 2_000  # the largest ones; the photo with most pieces in the tests has 458
MAX_GAP = 0.25  # of a digit's height: pieces with a wider gap are two digits


@dataclass(frozen=True)
class Segment:
    """One digit of an image, or a piece of one.

    Attributes:
        box: Left, top, right and bottom in pixels; right and bottom are exclusive.
        parts: The numbers of its pieces in the labelled image.
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
        """The union of two segments."""
        low = [min(a, b) for a, b in zip(self.box[:2], other.box[:2], strict=True)]
        high = [max(a, b) for a, b in zip(self.box[2:], other.box[2:], strict=True)]
        return Segment((low[0], low[1], high[0], high[1]), self.parts + other.parts)


def merge(segments: list[Segment]) -> list[Segment]:
    """Join pieces that belong to one digit: a piece above, below or inside another.

    Two pieces are joined if they share most of the narrower one's columns, and either share rows,
    or are close above each other and one of them is clearly smaller, or wider than tall: so whole
    digits above each other stay apart. The bar of a 5 and the tail of a 3 may also start to the
    side of the rest.

    Each piece is compared with all larger ones. So only the `MAX_PIECES` largest are considered;
    the others are specks, and are left out.

    >>> body, bar = Segment((10, 20, 30, 60), (1,)), Segment((32, 12, 60, 20), (2,))
    >>> [segment.box for segment in merge([body, bar])]
    [(10, 12, 60, 60)]
    >>> dash = Segment((32, 36, 60, 44), (3,))  # at half height it is not a bar
    >>> len(merge([body, dash]))
    2
    """
    largest_first = sorted(segments, key=lambda s: -s.width * s.height)[:MAX_PIECES]
    merged: list[Segment] = []
    boxes = np.zeros((len(largest_first), 4), np.int64)
    for segment in largest_first:
        closeness = _closeness(segment, boxes[: len(merged)])
        closest = int(closeness.argmax()) if merged else 0
        if merged and closeness[closest] > 0:
            merged[closest] = merged[closest].joined(segment)
        else:
            closest = len(merged)
            merged.append(segment)
        boxes[closest] = merged[closest].box
    return merged


def _closeness(small: Segment, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How likely a piece belongs to each of several larger ones (K, 4); 0 if it does not."""
    left, top, right, bottom = boxes.T
    width, height = right - left, bottom - top
    across = np.minimum(small.box[2], right) - np.maximum(small.box[0], left)
    down = np.minimum(small.box[3], bottom) - np.maximum(small.box[1], top)
    below = -down < MAX_GAP * np.maximum(small.height, height)
    share = across / np.minimum(small.width, width)
    part = (small.height < 0.6 * height) | _is_wide(small.width, small.height)
    part |= _is_wide(width, height)
    overlapping = np.where((down > 0) | (below & part), share, 0.0)
    end = np.where(below & _is_stroke_end(small, boxes, -across / height), 0.1, 0.0)
    return np.where(share >= 0.5, overlapping, end)


def _is_stroke_end(
    small: Segment, boxes: NDArray[np.int64], gap: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a piece can be the bar of a 5, at the top right, or the tail of a 3.

    Args:
        small: The piece.
        boxes: The boxes of the larger pieces, (K, 4).
        gap: The columns between the two, in heights of the larger piece, (K,).
    """
    left, top, right, bottom = boxes.T
    height = bottom - top
    long_enough = small.width > MAX_GAP * height  # longer than a decimal point
    fits = long_enough & (small.height < 0.6 * height) & _is_wide(small.width, small.height)
    middle = (small.box[1] + small.box[3]) / 2
    bar = (small.box[0] > left) & (middle < top + 0.3 * height) & (gap < MAX_GAP)
    tail = (small.box[2] < right) & (middle > bottom - 0.3 * height) & (gap < MAX_GAP / 2)
    found: NDArray[np.bool_] = fits & (bar | tail)
    return found


def _is_wide(width: Any, height: Any) -> Any:
    """Whether a piece is wider than tall, such as bars and halves of broken digits."""
    return width > 1.2 * height
