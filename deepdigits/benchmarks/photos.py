"""``bench photos``: what reading photos costs, against the same digits as tensors."""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from deepdigits.benchmarks.timing import Result
from deepdigits.data import datasets
from deepdigits.loading import load
from deepdigits.recognition import DigitReader

Digits = NDArray[np.uint8]
Damage = Callable[[Digits, np.random.Generator], Image.Image]
ROWS = 500


def bench_photos(limit: int = 10_000, model: str = "cnn") -> Result:
    """Read the test digits as photos: each kind of damage, rows of digits, and what is no digit.

    Args:
        limit: Digits of each kind; rows are a twentieth of it, and so many are no digits.
        model: The net: as for `deepdigits.loading.load`.
    """
    reader = load(model)
    folder = datasets.default_data_dir()
    datasets.prepare("mnist", folder)
    images, labels = (part[:limit].numpy() for part in datasets.load("mnist", folder, train=False))
    tensors = float((reader(images).argmax(dim=1).numpy() == labels).mean())
    rows = [["tensors", f"{len(images)}", f"{tensors:.2%}", "", ""]]
    figures: dict[str, object] = {"tensors": tensors}
    for name, damage in DAMAGES.items():
        right, unknown, speed = _read(reader, images, labels, damage)
        figures[name] = {"accuracy": right, "no_digit": unknown, "images_per_second": speed}
        cells = [f"{right:.2%}", f"{100 * (tensors - right):.2f}", f"{unknown:.2%}"]
        rows.append([name, f"{len(images)}", *cells])
        print(*rows[-1], f"{speed:.0f} images/s", sep="  ", file=sys.stderr, flush=True)
    number = max(1, ROWS * len(images) // 10_000)
    exact = float(
        np.mean([reader.read(row).text == text for row, text in _rows(images, labels, number)])
    )
    figures["rows"] = exact
    rows.append(["rows of 3 to 8, whole number", f"{number}", f"{exact:.1%}", "", ""])
    for name, blanks in NO_DIGITS.items():
        empty = float(np.mean([reader.read(image).text == "" for image in blanks(number)]))
        figures[name] = empty
        rows.append([f"no digit: {name}", f"{number}", "", "", f"{empty:.1%}"])
    head = ["photos of test digits", "n", "right", "points lost", "no digit said"]
    return Result("photos", f"photos read by {model}, seed 0", head, rows, figures)


def _read(
    reader: DigitReader, images: Digits, labels: NDArray[np.int64], damage: Damage
) -> tuple[float, float, float]:
    """Share read right, share where it says that there is no digit, and images a second."""
    rng = np.random.default_rng(0)
    right = unknown = 0
    seconds = 0.0
    for digit, label in zip(images, labels, strict=True):
        photo = damage(digit, rng)
        start = perf_counter()
        text = reader.read(photo).text
        seconds += perf_counter() - start
        right += text == str(label)
        unknown += text == ""
    return right / len(images), unknown / len(images), len(images) / seconds


def page(digit: Digits, rng: np.random.Generator, angle: float = 0) -> Image.Image:
    """Dark on light, ten times as large, off the centre of a page of 400 x 400."""
    ink = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
    if angle:
        ink = ink.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255)
    sheet = Image.new("L", (400, 400), 255)
    left, top = (int(edge) for edge in rng.integers(0, 121, 2))
    sheet.paste(ink, (left, top))
    return sheet


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    """As it comes back from a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _rotated(degrees: float) -> Damage:
    def damage(digit: Digits, rng: np.random.Generator) -> Image.Image:
        return jpeg(page(digit, rng, degrees * rng.choice((-1, 1))))

    return damage


def _noisy(sigma: float) -> Damage:
    def damage(digit: Digits, rng: np.random.Generator) -> Image.Image:
        noisy = np.asarray(page(digit, rng)) + rng.normal(0, sigma, (400, 400))
        return jpeg(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))

    return damage


def _shaded(digit: Digits, rng: np.random.Generator) -> Image.Image:
    across, down = np.mgrid[0.4:1:400j, 0.5:1:400j]
    shaded = np.asarray(page(digit, rng)) * across * down
    return jpeg(Image.fromarray(shaded.astype(np.uint8)))


def _ruled(squared: bool) -> Damage:
    def damage(digit: Digits, rng: np.random.Generator) -> Image.Image:
        sheet = page(digit, rng)
        draw = ImageDraw.Draw(sheet)
        for place in range(int(rng.integers(10, 60)), 400, 60):
            draw.line((0, place, 400, place), fill=140, width=2)
            if squared:
                draw.line((place, 0, place, 400), fill=140, width=2)
        return jpeg(sheet)

    return damage


DAMAGES: Mapping[str, Damage] = {
    "x10, inverted, off-centre, JPEG": lambda digit, rng: jpeg(page(digit, rng)),
    "rotated by 10 degrees": _rotated(10),
    "rotated by 20 degrees": _rotated(20),
    "rotated by 30 degrees": _rotated(30),
    "noise of 10 grey levels": _noisy(10),
    "noise of 30 grey levels": _noisy(30),
    "blurred (6 pixels)": lambda d, rng: jpeg(page(d, rng).filter(ImageFilter.GaussianBlur(6))),
    "a shadow down to a fifth": _shaded,
    "ruled paper": _ruled(False),
    "squared paper": _ruled(True),
}


def _rows(
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
}
