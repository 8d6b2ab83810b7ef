"""Figures of an evaluation: confusion matrix and reliability diagram."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from deepdigits.core.text import figure_text, shortened
from deepdigits.metrics.calibration import calibration_bins
from deepdigits.metrics.report import Report
from deepdigits.plots.style import BLUE, LIGHT_GREY, ORANGE, new_figure

MAX_CLASSES_WITH_COUNTS = 20  # with more classes the cells are too small for text
MAX_CLASSES = 50  # with more classes their names are too small to read
_MOST_CONFUSED = 40  # classes that are shown then
_MAX_NAME = 18  # characters of a name then


def confusion_matrix(report: Report) -> Figure:
    """The confusion matrix, with colours for the mistakes only.

    The text of a cell is its count; above 20 classes there is no text, and above 50 only the
    classes of the most frequent mistakes are shown. The colour of a mistake is its share of the
    true class, on a square-root scale, so that rare mistakes can be seen. The diagonal is grey.

    Raises:
        ValueError: The matrix is not square, or the number of class names differs.
    """
    counts = np.asarray(report.confusion, dtype=np.int64)
    names, size = list(map(figure_text, report.class_names)), len(counts)
    if counts.shape != (size, size) or len(names) != size:
        raise ValueError(
            f"confusion matrix {counts.shape} with {len(names)} class names, expected (C, C) and C"
        )
    shares = 100 * counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    title = f"{report.errors:,} mistakes in {report.num_samples:,}: {report.accuracy:.2%} right"
    if size > MAX_CLASSES:
        title += f"\nthe {_MOST_CONFUSED} of {size:,} classes in the most frequent mistakes"
        shown = _most_confused(counts)
        names = [figure_text(shortened(report.class_names[n], _MAX_NAME)) for n in shown]
        shares, size = shares[np.ix_(shown, shown)], len(shown)
    mistakes = np.ma.masked_where(np.eye(size, dtype=bool), shares)
    norm = PowerNorm(0.5, vmin=0, vmax=max(1.0, float(mistakes.filled(0).max())))
    figure = new_figure(5, 4.4)
    axes = figure.subplots()
    image = axes.imshow(mistakes, cmap="Blues", norm=norm)
    axes.set_facecolor(LIGHT_GREY)  # shows where the diagonal is masked
    fontsize = 4.5 if size > MAX_CLASSES_WITH_COUNTS else 9
    axes.set_xticks(
        range(size), names, fontsize=fontsize, rotation=90 if max(map(len, names)) > 3 else 0
    )
    axes.set_yticks(range(size), names, fontsize=fontsize)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
    if size <= MAX_CLASSES_WITH_COUNTS:
        _write_counts(axes, counts, image)
    return figure


def _most_confused(counts: NDArray[np.int64]) -> list[int]:
    """The classes of the most frequent mistakes, in label order."""
    wrong = counts - np.diag(counts.diagonal())
    classes: dict[int, None] = {}  # in the order of the mistakes
    for pair in np.argsort(-wrong, axis=None, kind="stable"):
        classes |= dict.fromkeys(divmod(int(pair), len(counts)))
        if len(classes) >= _MOST_CONFUSED:
            break
    return sorted(list(classes)[:_MOST_CONFUSED])


def _write_counts(axes: Axes, counts: NDArray[np.int64], image: ScalarMappable) -> None:
    colours: Any = image.to_rgba(np.ma.asarray(image.get_array()))
    luminance = colours[:, :, :3] @ (0.299, 0.587, 0.114)
    for true, predicted in np.argwhere(counts):
        dark = true != predicted and luminance[true, predicted] < 0.5
        axes.text(
            predicted,
            true,
            f"{counts[true, predicted]}",
            color="white" if dark else "black",
            ha="center",
            va="center",
            fontsize=9,
            in_layout=False,  # always inside the axes, so the layout need not measure it
        )


def reliability_diagram(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> Figure:
    """Accuracy over confidence, and below it the number of predictions in each bin.

    A bar above the diagonal means too little confidence, one below it too much. The title has the
    expected calibration error. Arguments and errors are those of `calibration_bins`.
    """
    binned = calibration_bins(confidences, correct, bins)
    used = binned.counts > 0
    left, width = binned.edges[:-1][used], 1 / bins
    figure = new_figure(5, 5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bar = {"width": width, "align": "edge", "color": BLUE, "edgecolor": "white"}
    upper.bar(left, binned.accuracy[used], label="accuracy", **bar)
    upper.plot((0, 1), (0, 1), color="black", linestyle="--", label="perfect calibration")
    upper.plot(
        binned.confidence[used],
        binned.accuracy[used],
        "D",
        color=ORANGE,
        label="mean confidence of a bin",
    )
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=8)
    lower.bar(left, binned.counts[used], **bar)
    lower.set(xlabel="confidence", ylabel="predictions", yscale="log", ylim=(0.7, None))
    total = binned.counts.sum()
    figure.suptitle(
        f"expected calibration error {binned.error:.4f} ({bins} bins, {total:,} images)",
        fontsize=9,
    )
    return figure
