"""Figures of an evaluation: texts, labels and the data in their artists."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from deepdigits.data.registry import DATASETS
from deepdigits.metrics.calibration import expected_calibration_error
from deepdigits.metrics.report import Report
from deepdigits.plots.evaluation import confusion_matrix, reliability_diagram
from deepdigits.plots.style import pixels


def lines(figure: Figure, panel: int) -> dict[str, tuple[list[float], list[float]]]:
    axes = figure.axes[panel]
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
    }


def heading(figure: Figure) -> str:
    return figure.get_suptitle()


def test_confusion_matrix_counts_in_text_and_mistakes_in_colour() -> None:
    figure = confusion_matrix(Report([[8, 2, 0], [0, 9, 1], [0, 0, 5]], ["cat", "dog", "cow"]))
    axes = figure.axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "8", (1, 0): "2", (1, 1): "9", (2, 1): "1", (2, 2): "5"}
    shares = np.ma.asarray(axes.images[0].get_array())
    assert shares.mask.tolist() == np.eye(3, dtype=bool).tolist()  # the diagonal has no colour
    assert shares.filled(0).tolist() == [[0, 20, 0], [0, 0, 10], [0, 0, 0]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "dog", "cow"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog", "cow"]
    assert axes.get_title() == "3 mistakes in 25: 88.00% right"
    assert "%" in figure.axes[1].get_ylabel()


def test_counts_are_light_on_dark_cells_and_dark_on_light_ones() -> None:
    figure = confusion_matrix(Report([[5, 90], [1, 999]], ["0", "1"]))
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours == {"5": "black", "90": "white", "1": "black", "999": "black"}


def test_of_many_classes_those_of_the_most_frequent_mistakes_are_shown() -> None:
    counts = np.diag(np.full(1000, 30))
    wrong = [(3, 700), (700, 4), (999, 5)]
    for number, pair in enumerate(wrong):
        counts[pair] = 20 - number
    names = [f"a long name of the class {number}" for number in range(1000)]
    axes = confusion_matrix(Report(counts, names)).axes[0]
    shown = [tick.get_text() for tick in axes.get_yticklabels()]
    assert len(shown) == 40 and all(len(name) <= 18 for name in shown)
    matrix = np.ma.asarray(axes.images[0].get_array())
    assert matrix.shape == (40, 40)
    shares = sorted(matrix.compressed()[matrix.compressed() > 0])
    assert shares == pytest.approx([100 * n / (30 + n) for n in (18, 19, 20)])
    assert "the 40 of 1,000 classes in the most frequent mistakes" in axes.get_title()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "emnist_balanced"])
def test_names_of_a_confusion_matrix_do_not_overlap(name: str) -> None:
    names = DATASETS[name].classes
    figure = confusion_matrix(Report(np.full((len(names), len(names)), 1000), names))
    axes, (width, height) = figure.axes[0], figure.get_size_inches() * figure.dpi
    pixels(figure)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) == len(names)
        assert not any(box.overlaps(following) for box, following in pairwise(boxes))
        assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
        assert all(box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert len(axes.texts) == (len(names) ** 2 if len(names) <= 20 else 0)
    cells: list[Text] = axes.texts[: len(names)]
    beside = [text.get_window_extent() for text in cells]
    assert not any(box.overlaps(following) for box, following in pairwise(beside))


def test_confusion_matrix_of_nothing_and_without_mistakes_is_drawn() -> None:
    for counts in ([[0, 0], [0, 0]], [[4, 0], [0, 5]], [[7]]):
        pixels(confusion_matrix(Report(counts, ["0", "1"][: len(counts)])))


def test_wrong_shapes_of_a_confusion_matrix_are_errors() -> None:
    with pytest.raises(ValueError, match="2 class names"):
        confusion_matrix(Report(np.ones((3, 3), dtype=int), ["0", "1"]))


def test_reliability_diagram_shows_the_bins_and_their_error() -> None:
    confidences, correct = [0.3, 0.9, 0.9, 0.95], [False, True, True, False]
    figure = reliability_diagram(confidences, correct, bins=5)
    upper, lower = figure.axes
    bars = {round(bar.get_x(), 1): bar.get_height() for bar in upper.patches}
    assert bars == {0.2: 0, 0.8: pytest.approx(2 / 3)}  # no bar where there is no prediction
    assert [bar.get_height() for bar in lower.patches] == [1, 3]
    assert lines(figure, 0)["perfect calibration"] == ([0, 1], [0, 1])
    error = expected_calibration_error(confidences, correct, bins=5)
    assert heading(figure) == f"expected calibration error {error:.4f} (5 bins, 4 images)"
    assert (upper.get_ylabel(), lower.get_xlabel()) == ("accuracy", "confidence")
    assert lower.get_ylabel() == "predictions"
