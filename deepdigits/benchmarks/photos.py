"""``bench photos``: accuracy on photos, compared with the same digits as tensors."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.benchmarks.corruptions import (
    CORRUPTIONS,
    NO_DIGITS,
    Corruption,
    Digits,
    rows_of_digits,
)
from deepdigits.benchmarks.timing import Result
from deepdigits.core.console import say
from deepdigits.data import sources
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader

# Number of rows, of photos of each corruption and of images without digits, per plain photo.
ROWS, CORRUPTED, BLANKS = 1 / 20, 1 / 10, 1 / 50
COLUMNS = ["photos of test digits", "n", "accuracy", "points lost", "rejected"]


def bench_photos(limit: int = 10_000, model: str = "cnn") -> Result:
    """Measure accuracy on photos of test digits, of rows of them, and images without digits.

    Args:
        limit: Number of plain photos. Each corruption has a tenth as many, rows are a twentieth as
            many, and each kind of image without digits has a fiftieth as many.
        model: The net, as for `deepdigits.load`.
    """
    reader = load(model)
    folder = sources.default_data_dir()
    sources.prepare("mnist", folder)
    images, labels = (array[:limit].numpy() for array in sources.load("mnist", folder, train=False))
    correct = reader(images).argmax(dim=1).numpy() == labels
    measurements: dict[str, object] = {"tensors": float(correct.mean())}
    rows = [["tensors", f"{len(correct)}", f"{correct.mean():.2%}", "", ""]]
    for i, (name, corruption) in enumerate(CORRUPTIONS.items()):
        part = slice(None if i == 0 else max(1, round(CORRUPTED * len(images))))
        found = _read(reader, images[part], labels[part], corruption)
        measurements[name] = found
        lost = 100 * (correct[part].mean() - found["accuracy"])
        cells = [f"{found['accuracy']:.2%}", f"{lost:.2f}", f"{found['no_digit']:.2%}"]
        rows.append([name, f"{len(images[part])}", *cells])
        speed = f"{found['images_per_second']:.0f} images/s"
        say("  ".join(map(str, (*rows[-1], speed))), error=True)
    num_rows = max(1, round(ROWS * len(images)))
    sheets, numbers = zip(*rows_of_digits(images, labels, num_rows), strict=True)
    texts = [reading.text for reading in reader.read_all(sheets)]
    exact = float(np.mean([text == number for text, number in zip(texts, numbers, strict=True)]))
    measurements["rows"] = exact
    rows.append(["rows of 3 to 8, whole number", f"{num_rows}", f"{exact:.1%}", "", ""])
    for name, blanks in NO_DIGITS.items():
        num_blanks = max(1, round(BLANKS * len(images)))
        readings = reader.read_all(blanks(num_blanks))
        rejected = float(np.mean([reading.text == "" for reading in readings]))
        measurements[name] = rejected
        rows.append([f"no digit: {name}", f"{num_blanks}", "", "", f"{rejected:.1%}"])
    return Result("photos", f"photos read by {model}, seed 0", COLUMNS, rows, measurements)


def _read(
    reader: DigitReader, images: Digits, labels: NDArray[np.int64], corruption: Corruption
) -> dict[str, float]:
    """Fraction of correct readings, fraction of rejected digits, and images per second."""
    rng = np.random.default_rng(0)
    seconds = 0.0

    def photos() -> Iterator[Image.Image]:
        nonlocal seconds  # subtract the time to make the photos
        for digit in images:
            start = perf_counter()
            photo = corruption(digit, rng)
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
