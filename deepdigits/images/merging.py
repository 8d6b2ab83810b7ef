"""Merge the pieces of one digit: bars, tails, broken strokes."""

from dataclasses import dataclass

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

    >>> body, bar = Segment((10, 20, 30, 60), (1,)), Segment((32, 12, 60, 20), (2,))
    >>> [segment.box for segment in merge([body, bar])]
    [(10, 12, 60, 60)]
    >>> dash = Segment((32, 36, 60, 44), (3,))  # at half height it is not a bar
    >>> len(merge([body, dash]))
    2
    """
    merged: list[Segment] = []
    for segment in sorted(segments, key=lambda s: -s.width * s.height):
        closeness = [_closeness(segment, other) for other in merged]
        if max(closeness, default=0.0) > 0:
            closest = closeness.index(max(closeness))
            merged[closest] = merged[closest].joined(segment)
        else:
            merged.append(segment)
    return merged


def _closeness(small: Segment, large: Segment) -> float:
    """How likely a piece belongs to the digit of a larger piece; 0 if it does not."""
    across = min(small.box[2], large.box[2]) - max(small.box[0], large.box[0])
    down = min(small.box[3], large.box[3]) - max(small.box[1], large.box[1])
    below = -down < MAX_GAP * max(small.height, large.height)
    share = across / min(small.width, large.width)
    if share >= 0.5:
        part = small.height < 0.6 * large.height or _is_wide(small) or _is_wide(large)
        return share if down > 0 or (below and part) else 0.0
    return 0.1 if below and _is_stroke_end(small, large, -across / large.height) else 0.0


def _is_stroke_end(small: Segment, large: Segment, gap: float) -> bool:
    """Whether a piece can be the bar of a 5, at the top right, or the tail of a 3."""
    long_enough = small.width > MAX_GAP * large.height  # longer than a decimal point
    if not (_is_wide(small) and long_enough and small.height < 0.6 * large.height):
        return False
    middle = (small.box[1] + small.box[3]) / 2
    bar = small.box[0] > large.box[0] and middle < large.box[1] + 0.3 * large.height
    tail = small.box[2] < large.box[2] and middle > large.box[3] - 0.3 * large.height
    return (bar and gap < MAX_GAP) or (tail and gap < MAX_GAP / 2)


def _is_wide(segment: Segment) -> bool:
    """Whether a piece is wider than tall, such as bars and halves of broken digits."""
    return segment.width > 1.2 * segment.height
