"""The picture of examples of each class."""

from itertools import pairwise

import numpy as np
import pytest

from deepdigits.data.inspection import examples
from deepdigits.plots.class_examples import class_examples
from deepdigits.plots.style import pixels


def test_each_row_has_the_images_of_its_class() -> None:
    images = np.repeat(np.arange(1, 7, dtype=np.uint8), 784).reshape(6, 28, 28)
    labels = np.array([0, 1, 0, 1, 0, 0])
    axes = class_examples(images, examples(labels, 3), ["cat", "dog"]).axes[0]
    canvas = np.ma.asarray(axes.images[0].get_array()).filled(np.nan)
    rows = [[canvas[row * 30 + 5, column * 30 + 5] for column in range(3)] for row in (0, 1)]
    np.testing.assert_array_equal(rows, [[1, 5, 6], [2, 4, np.nan]])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize(("classes", "panels"), [(2, 1), (12, 1), (13, 2), (100, 2), (1000, 2)])
def test_the_names_of_all_shown_classes_are_beside_their_rows(classes: int, panels: int) -> None:
    names = [f"a class with the long name {number}" for number in range(classes)]
    places = np.zeros((classes, 10), np.int64)
    figure = class_examples(np.zeros((1, 28, 28), np.uint8), places, names, "mine")
    assert len(figure.axes) == panels
    ticks = [tick for axes in figure.axes for tick in axes.get_yticklabels()]
    assert len(ticks) == min(classes, 100)
    pixels(figure)
    for axes in figure.axes:
        boxes = [tick.get_window_extent() for tick in axes.get_yticklabels()]
        assert all(box.x0 >= 0 for box in boxes)
        ordered = sorted(boxes, key=lambda box: box.y0)
        assert all(one.y1 <= other.y0 for one, other in pairwise(ordered))
    assert ("the first 100 of 1,000" in figure.get_suptitle()) == (classes == 1000)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="1 names for 2 classes"):
        class_examples(np.zeros((1, 28, 28), np.uint8), np.zeros((2, 10), np.int64), ["a"])
