"""Images for ``bench photos``: photos of test digits, of rows of them, and without digits."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Digits = NDArray[np.uint8]
Corruption = Callable[[Digits, np.random.Generator], Image.Image]
LETTERS = "ACEFHKLMNPRUVWXcdefhkmnprtuvwx"  # letters that do not look like a digit
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Oblique")


def page(digit: Digits, rng: np.random.Generator, angle: float = 0, size: int = 280) -> Image.Image:
    """A dark digit of size x size pixels at a random place of a light page of 400 x 400."""
    ink = Image.fromarray(255 - digit).resize((size, size), Image.Resampling.BICUBIC)
    if angle:
        ink = ink.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255)
    sheet = Image.new("L", (400, 400), 255)
    left, top = (int(edge) for edge in rng.integers(0, 401 - size, 2))
    sheet.paste(ink, (left, top))
    return sheet


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    """An image after JPEG compression."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _rotated(degrees: float) -> Corruption:
    def corrupt(digit: Digits, rng: np.random.Generator) -> Image.Image:
        return jpeg(page(digit, rng, degrees * rng.choice((-1, 1))))

    return corrupt


def _noisy(sigma: float) -> Corruption:
    def corrupt(digit: Digits, rng: np.random.Generator) -> Image.Image:
        noisy = np.asarray(page(digit, rng)) + rng.normal(0, sigma, (400, 400))
        return jpeg(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))

    return corrupt


def _shaded(digit: Digits, rng: np.random.Generator) -> Image.Image:
    across, down = np.mgrid[0.4:1:400j, 0.5:1:400j]
    shaded = np.asarray(page(digit, rng)) * across * down
    return jpeg(Image.fromarray(shaded.astype(np.uint8)))


def _dark_corners(digit: Digits, rng: np.random.Generator) -> Image.Image:
    across, down = np.mgrid[-1:1:400j, -1:1:400j]
    light = 1 - 0.2 * (across**2 + down**2)
    return jpeg(Image.fromarray((np.asarray(page(digit, rng, size=120)) * light).astype(np.uint8)))


def _ruled(squared: bool) -> Corruption:
    def corrupt(digit: Digits, rng: np.random.Generator) -> Image.Image:
        sheet = page(digit, rng)
        draw = ImageDraw.Draw(sheet)
        for place in range(int(rng.integers(10, 60)), 400, 60):
            draw.line((0, place, 400, place), fill=140, width=2)
            if squared:
                draw.line((place, 0, place, 400), fill=140, width=2)
        return jpeg(sheet)

    return corrupt


CORRUPTIONS: Mapping[str, Corruption] = {
    "x10, inverted, off-centre, JPEG": lambda digit, rng: jpeg(page(digit, rng)),
    "rotated by 10 degrees": _rotated(10),
    "rotated by 20 degrees": _rotated(20),
    "rotated by 30 degrees": _rotated(30),
    "noise of 10 grey levels": _noisy(10),
    "noise of 30 grey levels": _noisy(30),
    "blurred (6 pixels)": lambda d, rng: jpeg(page(d, rng).filter(ImageFilter.GaussianBlur(6))),
    "a shadow down to a fifth": _shaded,
    "small, the corners 40 % darker": _dark_corners,
    "ruled paper": _ruled(False),
    "squared paper": _ruled(True),
}


def rows_of_digits(
    images: Digits, labels: NDArray[np.int64], number: int
) -> Iterator[tuple[Image.Image, str]]:
    """Rows of 3 to 8 digits at random spacing and size, and their numbers."""
    rng = np.random.default_rng(0)
    for _ in range(number):
        chosen = rng.integers(0, len(images), rng.integers(3, 9))
        sheet = Image.new("L", (1000, 180), 255)
        left = int(rng.integers(10, 40))
        size = int(rng.integers(60, 110))
        for index in chosen:
            rows, columns = np.nonzero(images[index])
            tight = images[index][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            scale = size * rng.uniform(0.85, 1.15) / 20
            width, height = (max(2, round(scale * side)) for side in tight.shape[::-1])
            ink = Image.fromarray(255 - tight).resize((width, height), Image.Resampling.BICUBIC)
            sheet.paste(ink, (left, 90 - height // 2 + int(rng.integers(-10, 11))))
            left += width + int(rng.integers(6, 30))
        yield jpeg(sheet), "".join(str(labels[index]) for index in chosen)


def _blank(number: int) -> Iterator[Image.Image]:
    rng = np.random.default_rng(0)
    for _ in range(number):
        light = np.linspace(rng.uniform(120, 255), rng.uniform(120, 255), 300)
        paper = light[:, None] + rng.normal(0, rng.uniform(0, 12), (300, 300))
        yield jpeg(Image.fromarray(paper.clip(0, 255).astype(np.uint8)))


def _letters(number: int) -> Iterator[Image.Image]:
    """Printed letters that do not look like a digit, tilted a little."""
    rng = np.random.default_rng(0)
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    for _ in range(number):
        font_file = fonts / f"{FONTS[rng.integers(len(FONTS))]}.ttf"
        font = ImageFont.truetype(str(font_file), int(rng.integers(120, 260)))
        sheet = Image.new("L", (400, 400), 255)
        letter = LETTERS[rng.integers(len(LETTERS))]
        ImageDraw.Draw(sheet).text((200, 200), letter, 0, font, anchor="mm")
        angle = float(rng.uniform(-10, 10))
        yield jpeg(sheet.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255))


def _texture(number: int) -> Iterator[Image.Image]:
    rng = np.random.default_rng(0)
    for _ in range(number):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24), dtype=np.uint8))
        yield coarse.resize((300, 300), Image.Resampling.BICUBIC)


def _shapes(number: int) -> Iterator[Image.Image]:
    """Filled discs, squares, triangles and stars."""
    rng = np.random.default_rng(0)
    for _ in range(number):
        sheet = Image.new("L", (300, 300), 255)
        draw = ImageDraw.Draw(sheet)
        sides = int(rng.choice((3, 4, 6, 20)))
        size, turn = int(rng.integers(50, 110)), float(rng.uniform(0, 90))
        draw.regular_polygon((150, 150, size), sides, turn, fill=30)
        yield sheet


NO_DIGITS: Mapping[str, Callable[[int], Iterator[Image.Image]]] = {
    "blank paper, shaded, with noise": _blank,
    "cloudy texture": _texture,
    "filled shapes": _shapes,
    "printed letters": _letters,
}
