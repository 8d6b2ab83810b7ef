"""The picture of the most suspicious labels."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepdigits.core.text import figure_text
from deepdigits.plots.image_grid import image_grid

LIMIT = 50  # images
_COLUMNS = 10
_SHORT = 6  # letters of a name; longer ones need a line each


def suspicious_labels(
    images: NDArray[Any],
    labels: NDArray[Any],
    suggested: NDArray[Any],
    indices: NDArray[Any],
    class_names: Sequence[str],
    total: int,
) -> Figure:
    """A grid of images; a title is the given and the suggested class, and the index.

    Args:
        images: The most suspicious images, in a format of `image_grid`, (N, 28, 28).
        labels: Their labels (N,).
        suggested: Their suggested classes (N,).
        indices: Their index in the CSV file (N,).
        class_names: Name of each class.
        total: Number of suspicious labels; the images after that many are the next ones.
    """
    names = [figure_text(name) for name in class_names]
    between = " → " if max(map(len, names)) <= _SHORT else " →\n"
    titles = [
        f"{names[label]}{between}{names[new]}\n{index}"
        for label, new, index in zip(labels, suggested, indices, strict=True)
    ]
    which = f"the first {len(images)} of {total:,}" if len(images) < total else f"{total:,}"
    more = f", and the next {len(images) - total}" if len(images) > total else ""
    heading = f"label → suggested class, and index: {which} suspicious labels{more}"
    columns = min(_COLUMNS, max(1, math.ceil(math.sqrt(2 * len(images)))))
    return image_grid(images, titles, heading, columns)
