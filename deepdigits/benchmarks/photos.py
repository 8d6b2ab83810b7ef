"""``bench photos``: what reading photos costs, against the same digits as tensors."""

import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.benchmarks.corruptions import CORRUPTIONS, NO_DIGITS, Damage, Digits, rows_of_digits
from deepdigits.benchmarks.timing import Result
from deepdigits.data import sources as datasets
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader

ROWS, DAMAGED, BLANKS = 1 / 20, 1 / 10, 1 / 50  # of the digits
COLUMNS = ["photos of test digits", "n", "right", "points lost", "no digit said"]


def bench_photos(limit: int = 10_000, model: str = "cnn") -> Result:
    """Read the test digits as photos, rows of them, and what is no digit.

    Args:
        limit: Digits that are read undamaged; of each damage a tenth, rows a twentieth of it, and
            pictures without a digit a fiftieth of each kind.
        model: The net: as for `deepdigits.inference.load.load`.
    """
    reader = load(model)
    folder = datasets.default_data_dir()
    datasets.prepare("mnist", folder)
    images, labels = (part[:limit].numpy() for part in datasets.load("mnist", folder, train=False))
    right = reader(images).argmax(dim=1).numpy() == labels
    figures: dict[str, object] = {"tensors": float(right.mean())}
    rows = [["tensors", f"{len(right)}", f"{right.mean():.2%}", "", ""]]
    for place, (name, damage) in enumerate(CORRUPTIONS.items()):
        share = slice(None if place == 0 else max(1, round(DAMAGED * len(images))))
        found = _read(reader, images[share], labels[share], damage)
        figures[name] = found
        lost = 100 * (right[share].mean() - found["accuracy"])
        cells = [f"{found['accuracy']:.2%}", f"{lost:.2f}", f"{found['no_digit']:.2%}"]
        rows.append([name, f"{len(images[share])}", *cells])
        speed = f"{found['images_per_second']:.0f} images/s"
        print(*rows[-1], speed, sep="  ", file=sys.stderr, flush=True)
    number = max(1, round(ROWS * len(images)))
    sheets, numbers = zip(*rows_of_digits(images, labels, number), strict=True)
    texts = [reading.text for reading in reader.read_all(sheets)]
    exact = float(np.mean([text == said for text, said in zip(texts, numbers, strict=True)]))
    figures["rows"] = exact
    rows.append(["rows of 3 to 8, whole number", f"{number}", f"{exact:.1%}", "", ""])
    for name, blanks in NO_DIGITS.items():
        blank = max(1, round(BLANKS * len(images)))
        empty = float(np.mean([reading.text == "" for reading in reader.read_all(blanks(blank))]))
        figures[name] = empty
        rows.append([f"no digit: {name}", f"{blank}", "", "", f"{empty:.1%}"])
    return Result("photos", f"photos read by {model}, seed 0", COLUMNS, rows, figures)


def _read(
    reader: DigitReader, images: Digits, labels: NDArray[np.int64], damage: Damage
) -> dict[str, float]:
    """Share read right, share where it says that there is no digit, and images a second."""
    rng = np.random.default_rng(0)
    seconds = 0.0

    def photos() -> Iterator[Image.Image]:
        nonlocal seconds  # without those of making the photos
        for digit in images:
            start = perf_counter()
            photo = damage(digit, rng)
            seconds -= perf_counter() - start
            yield photo

    start = perf_counter()
    texts = [reading.text for reading in reader.read_all(photos())]
    seconds += perf_counter() - start
    return {
        "accuracy": float(
            np.mean([t == str(label) for t, label in zip(texts, labels, strict=True)])
        ),
        "no_digit": float(np.mean([text == "" for text in texts])),
        "images_per_second": len(images) / seconds,
    }
