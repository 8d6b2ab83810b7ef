"""Layout of the recognition figure: an image, and three panels for each of its digits."""

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

MAX_DIGITS_SHOWN = 10  # further digits are left out
# In inches: the width of the figure, the side of an image in it, the height of a heading.
WIDTH, SIDE, HEADING = 9.0, 2.2, 0.5
Size = tuple[int, int]  # width and height of an image in pixels


def height(image: Size, digits: int) -> float:
    """Height of an image and its panels, in inches."""
    if digits <= 1:
        return HEADING + SIDE * (1 if digits else 0.7)
    return 2 * HEADING + _size_above(image)[1] + 3 * _column(digits)


def width(image: Size, digits: int) -> float:
    """Width of an image and its panels, in inches."""
    if digits <= 1:
        return WIDTH
    return max(4.0, 0.3 + max(_size_above(image)[0], _shown(digits) * _column(digits)))


def add(part: SubFigure, image: Size, digits: int) -> tuple[Axes, list[tuple[Axes, ...]]]:
    """Add axes for the image and three for each shown digit.

    The panels of a single digit are to the right of the image, those of several digits below it.
    """
    shown = _shown(digits)
    if shown <= 1:
        grid = part.add_gridspec(1, 4, width_ratios=(1.2, 1, 1, 1.4))
        places = [[grid[1], grid[2], grid[3]]] * shown
        above = grid[0]
    else:
        column = _column(digits)
        rest = max(0.1, part.bbox.width / part.figure.dpi - 0.3 - shown * column)
        widths = [*[column] * shown, rest]
        heights = [_size_above(image)[1], *[column] * 3]
        grid = part.add_gridspec(4, shown + 1, width_ratios=widths, height_ratios=heights)
        places = [[grid[row, place] for row in (1, 2, 3)] for place in range(shown)]
        above = grid[0, :]
    axes = part.add_subplot(above)
    return axes, [tuple(part.add_subplot(place) for place in three) for three in places]


def _size_above(image: Size) -> tuple[float, float]:
    """Width and height of an image that is above the panels of its digits, in inches."""
    scale = min(SIDE / image[1], WIDTH / image[0])
    return scale * image[0], scale * image[1]


def _column(digits: int) -> float:
    """Width of the panels of a digit, if the image has several, in inches."""
    return min(1.1, WIDTH / (_shown(digits) + 0.4))


def _shown(digits: int) -> int:
    """Number of digits with panels."""
    return min(MAX_DIGITS_SHOWN, digits)
