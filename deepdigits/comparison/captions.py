"""Find places for the captions of points, so that no caption covers anything else.

A fixed offset from each point would be shorter, but the captions of variants with nearly equal
accuracy and size would then cover each other.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import cos, hypot, radians, sin

Box = tuple[float, float, float, float]  # left, bottom, right, top
Point = tuple[float, float]

# In order of preference: right and left of the point first, above and below it last.
_ANGLES = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)
_GAP = 14.0  # pixels between the centre of a point and its caption


def place(
    points: Sequence[Point], sizes: Sequence[Point], frame: Box, obstacles: Sequence[Box] = ()
) -> list[Box]:
    """Find a box for the caption of each point: close to it, inside the frame, without overlap.

    If there is no free place, take the box that overlaps least.

    Args:
        points: Centres of the points, in pixels.
        sizes: Width and height of each caption, in pixels.
        frame: The boxes must be inside this box.
        obstacles: The boxes must not overlap these boxes, nor each other.

    >>> place([(50, 50)], [(20, 8)], frame=(0, 0, 100, 100))
    [(64.0, 46.0, 84.0, 54.0)]
    """
    placed: list[Box] = []
    for point, size in zip(points, sizes, strict=True):
        taken = [*obstacles, *placed]
        placed.append(min(_candidates(point, size), key=lambda box: _cost(box, taken, frame)))
    return placed


def is_far(point: Point, box: Box) -> bool:
    """Whether a caption is so far from its point that a line should connect them.

    >>> is_far((0, 0), (14, -4, 40, 4)), is_far((0, 0), (20, 20, 40, 28))
    (False, True)
    """
    across = max(box[0] - point[0], point[0] - box[2], 0)
    along = max(box[1] - point[1], point[1] - box[3], 0)
    return hypot(across, along) > 1.3 * _GAP


def overlap(one: Box, other: Box) -> float:
    """Area of the intersection of two boxes.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 1, 1), (1, 0, 2, 1))
    (1, 0)
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def _candidates(point: Point, size: Point) -> Iterator[Box]:
    """Boxes around a point, the nearest first."""
    width, height = size
    for ring, angle in product(range(16), _ANGLES):
        reach = _GAP + ring * height / 2
        x, y = cos(radians(angle)), sin(radians(angle))
        # The side or corner that is nearest to the point is on the ring.
        center_x = point[0] + x * reach + (width / 2) * _sign(x)
        center_y = point[1] + y * reach + (height / 2) * _sign(y)
        yield (
            center_x - width / 2,
            center_y - height / 2,
            center_x + width / 2,
            center_y + height / 2,
        )


def _cost(box: Box, taken: Sequence[Box], frame: Box) -> float:
    """Area of the box that is covered or outside the frame; 0 if the place is free."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    return sum(overlap(box, other) for other in taken) + area - overlap(box, frame)


def _sign(value: float) -> int:
    return (value > 1e-9) - (value < -1e-9)
