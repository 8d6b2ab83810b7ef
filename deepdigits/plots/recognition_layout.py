"""Where the pictures of an explanation lie: an image, and three pictures of each of its digits."""

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from PIL import Image

from deepdigits.inference.reader import Reading

MAX_DIGITS_SHOWN = 10  # more are left out
WIDTH, SIDE, HEAD = 9.0, 2.2, 0.5  # inches: of the whole, of an image in it, of a heading


def height(image: Image.Image, reading: Reading) -> float:
    """Of an image and its digits, in inches."""
    if len(reading.digits) <= 1:
        return HEAD + SIDE * (1 if reading.digits else 0.7)
    return 2 * HEAD + _size_above(image)[1] + 3 * _column(reading)


def width(image: Image.Image, reading: Reading) -> float:
    """Of an image and its digits, in inches."""
    if len(reading.digits) <= 1:
        return WIDTH
    return max(4.0, 0.3 + max(_size_above(image)[0], _count(reading) * _column(reading)))


def _size_above(image: Image.Image) -> tuple[float, float]:
    """Width and height of an image that its digits are shown below, in inches."""
    scale = min(SIDE / image.height, WIDTH / image.width)
    return scale * image.width, scale * image.height


def _column(reading: Reading) -> float:
    """Width of what is shown of one digit of several, in inches."""
    return min(1.1, WIDTH / (_count(reading) + 0.4))


def _count(reading: Reading) -> int:
    """How many of its digits are shown."""
    return min(MAX_DIGITS_SHOWN, len(reading.digits))


def add(
    part: SubFigure, image: Image.Image, reading: Reading
) -> tuple[Axes, list[tuple[Axes, ...]]]:
    """Axes of the image, and three of each digit: beside it, or of several digits below it."""
    digits = _count(reading)
    if digits <= 1:
        grid = part.add_gridspec(1, 4, width_ratios=(1.2, 1, 1, 1.4))
        places = [[grid[1], grid[2], grid[3]]] * digits
        above = grid[0]
    else:
        column = _column(reading)
        rest = max(0.1, part.bbox.width / part.figure.dpi - 0.3 - digits * column)
        widths = [*[column] * digits, rest]
        heights = [_size_above(image)[1], *[column] * 3]
        grid = part.add_gridspec(4, digits + 1, width_ratios=widths, height_ratios=heights)
        places = [[grid[row, place] for row in (1, 2, 3)] for place in range(digits)]
        above = grid[0, :]
    axes = part.add_subplot(above)
    return axes, [tuple(part.add_subplot(place) for place in three) for three in places]
