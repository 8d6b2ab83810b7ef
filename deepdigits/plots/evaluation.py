"""Pictures of a run: pure functions from numbers to matplotlib figures, without pyplot's state.

Save one with ``figure.savefig(path)``; TensorBoard takes ``pixels(figure)``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from deepdigits.metrics.calibration import calibration_bins
from deepdigits.metrics.report import Report

# Okabe and Ito (2008): told apart by colour-blind readers too.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#7F7F7F"
STAGES = {"train": ("training", BLUE, "o"), "val": ("validation", ORANGE, "s")}
# A card of TensorBoard is 350 pixels wide and takes every second pixel of a figure 5 inches wide:
# strokes of two pixels survive that.
DPI = 140
MAX_CLASSES_WITH_COUNTS = 20  # classes of a confusion matrix whose cells have room for text
Curve = Sequence[tuple[float, float]]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, laid out without overlap."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """The drawn figure as an image (height, width, 3), for ``add_image(dataformats="HWC")``."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3]


def learning_curves(history: Mapping[str, Curve], best: float | None = None) -> Figure:
    """Loss and accuracy of training and validation, side by side, over the epochs.

    The loss has a logarithmic axis where it shrinks to less than a fifth.

    Args:
        history: Tag -> (epoch, value) pairs, under ``train/loss``, ``val/loss``, ``train/accuracy``
            and ``val/accuracy`` (in [0, 1]); other tags are ignored, missing ones left out.
        best: The epoch to mark. None: the first with the highest validation accuracy.

    Raises:
        ValueError: None of the four curves is there.
    """
    tags = [f"{stage}/{name}" for stage in STAGES for name in ("loss", "accuracy")]
    if not any(history.get(tag) for tag in tags):
        raise ValueError(f"history has {list(history)}, expected a curve of {', '.join(tags)}")
    accuracies = dict(history.get("val/accuracy", ()))
    if best is None and accuracies:
        best = max(accuracies, key=lambda epoch: accuracies[epoch])
    figure = new_figure(7.2, 3.2)
    for axes, name, unit in zip(figure.subplots(1, 2), ("loss", "accuracy"), (1, 100), strict=True):
        axes.set(xlabel="epoch", ylabel=name if unit == 1 else f"{name} (%)")
        _draw_curves(axes, history, name, unit, best)
    if best in accuracies:
        figure.suptitle(f"best epoch {best:g}: validation accuracy {accuracies[best]:.2%}")
    return figure


def _draw_curves(
    axes: Axes, history: Mapping[str, Curve], name: str, unit: int, best: float | None
) -> None:
    epochs: list[float] = []
    values: list[float] = []
    for stage, (label, color, marker) in STAGES.items():
        curve = history.get(f"{stage}/{name}", ())
        if not curve:
            continue
        epochs, heights = [epoch for epoch, _ in curve], [unit * value for _, value in curve]
        every = max(1, len(epochs) // 10)
        axes.plot(
            epochs, heights, color=color, marker=marker, markersize=4, markevery=every, label=label
        )
        values += [value for value in heights if np.isfinite(value)]
    if best is not None:
        axes.axvline(best, color=GREY, linestyle=":", label="best epoch")
    if name == "loss" and values and 0 < 5 * min(values) < max(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="upper right" if name == "loss" else "lower right", fontsize=9)


def confusion_matrix(report: Report) -> Figure:
    """Which classes are taken for which: counts as text, colours for the mistakes only.

    The colour of a cell beside the diagonal is its share of the true class, on a scale of its own
    that spreads low shares, so that rare mistakes stand out; the diagonal is grey. Above 20
    classes the counts are left out.

    Raises:
        ValueError: The matrix is not square, or there is not one class name per row.
    """
    counts = np.asarray(report.confusion, dtype=np.int64)
    names, size = list(report.class_names), len(counts)
    if counts.shape != (size, size) or len(names) != size:
        raise ValueError(
            f"confusion matrix {counts.shape} with {len(names)} class names, expected (C, C) and C"
        )
    shares = 100 * counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    right = np.eye(size, dtype=bool)
    wrong = np.ma.masked_where(right, shares)
    norm = PowerNorm(0.5, vmin=0, vmax=max(1.0, float(wrong.filled(0).max())))
    figure = new_figure(5, 4.4)
    axes = figure.subplots()
    image = axes.imshow(wrong, cmap="Blues", norm=norm)
    axes.set_facecolor("#D9D9D9")  # seen through the masked diagonal
    fontsize = 4.5 if size > MAX_CLASSES_WITH_COUNTS else 9
    axes.set_xticks(
        range(size), names, fontsize=fontsize, rotation=90 if max(map(len, names)) > 3 else 0
    )
    axes.set_yticks(range(size), names, fontsize=fontsize)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(
        f"{report.errors:,} mistakes in {report.num_samples:,}: {report.accuracy:.2%} right",
        fontsize=10,
    )
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
    if size <= MAX_CLASSES_WITH_COUNTS:
        _write_counts(axes, counts, image)
    return figure


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
            in_layout=False,  # inside the axes: measuring it would only take time
        )


def reliability_diagram(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> Figure:
    """Accuracy over confidence, with the number of predictions in each bin below.

    Bars above the diagonal: the net is right more often than it is sure. The title has the expected
    calibration error. Arguments and errors are those of `calibration.calibration_bins`.
    """
    binned = calibration_bins(confidences, correct, bins)
    there = binned.counts > 0
    left, width = binned.edges[:-1][there], 1 / bins
    figure = new_figure(5, 5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bar = {"width": width, "align": "edge", "color": BLUE, "edgecolor": "white"}
    upper.bar(left, binned.accuracy[there], label="accuracy", **bar)
    upper.plot((0, 1), (0, 1), color="black", linestyle="--", label="as sure as right")
    upper.plot(
        binned.confidence[there],
        binned.accuracy[there],
        "D",
        color=ORANGE,
        label="mean confidence of a bin",
    )
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=8)  # on no bar
    lower.bar(left, binned.counts[there], **bar)
    lower.set(xlabel="confidence", ylabel="predictions", yscale="log", ylim=(0.7, None))
    total = binned.counts.sum()
    figure.suptitle(
        f"expected calibration error {binned.error:.4f} ({bins} bins, {total:,} images)",
        fontsize=9,
    )
    return figure
