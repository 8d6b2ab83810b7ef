"""Pieces of ink that belong to one digit: bars, tails, broken strokes."""

from dataclasses import dataclass

NEAR = 0.25  # of a digit's height: pieces with a wider gap are two digits


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


def merge(segments: list[Segment]) -> list[Segment]:
    """Pieces that belong to one digit joined: a piece above, below or inside another.

    Two pieces are one where they share most of the narrower one's columns and rows too, or lie
    close above each other, one of them clearly smaller or wider than tall: full digits above each
    other stay apart. The bar of a 5 and the tail of a 3 may start beside the rest.

    >>> body, bar = Segment((10, 20, 30, 60), (1,)), Segment((32, 12, 60, 20), (2,))
    >>> [segment.box for segment in merge([body, bar])]
    [(10, 12, 60, 60)]
    >>> dash = Segment((32, 36, 60, 44), (3,))  # at half height it is none
    >>> len(merge([body, dash]))
    2
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


def _closeness(small: Segment, large: Segment) -> float:
    """How much a piece is part of a digit whose larger piece is given; 0 where it is not."""
    across = min(small.box[2], large.box[2]) - max(small.box[0], large.box[0])
    down = min(small.box[3], large.box[3]) - max(small.box[1], large.box[1])
    below = -down < NEAR * max(small.height, large.height)
    share = across / min(small.width, large.width)
    if share >= 0.5:
        part = small.height < 0.6 * large.height or _lies(small) or _lies(large)
        return share if down > 0 or (below and part) else 0.0
    return 0.1 if below and _is_stroke_end(small, large, -across / large.height) else 0.0


def _is_stroke_end(small: Segment, large: Segment, gap: float) -> bool:
    """Whether a piece beside a digit can be the bar of a 5, at its right top, or a 3's tail."""
    long_enough = small.width > NEAR * large.height  # a decimal point is not
    if not (_lies(small) and long_enough and small.height < 0.6 * large.height):
        return False
    middle = (small.box[1] + small.box[3]) / 2
    bar = small.box[0] > large.box[0] and middle < large.box[1] + 0.3 * large.height
    tail = small.box[2] < large.box[2] and middle > large.box[3] - 0.3 * large.height
    return (bar and gap < NEAR) or (tail and gap < NEAR / 2)


def _lies(segment: Segment) -> bool:
    """Whether it is wider than tall, as bars and the halves of broken digits are."""
    return segment.width > 1.2 * segment.height
