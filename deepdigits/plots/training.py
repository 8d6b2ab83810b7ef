"""Learning curves of a training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from deepdigits.plots.style import BLUE, GREY, ORANGE, add_grid, new_figure

STAGES = {"train": ("training", BLUE, "o"), "val": ("validation", ORANGE, "s")}
CURVE_TAGS = {f"{stage}/{name}" for stage in STAGES for name in ("loss", "accuracy")}
Curve = Sequence[tuple[float, float]]


def learning_curves(history: Mapping[str, Curve], best: float | None = None) -> Figure:
    """Loss and accuracy of training and validation over the epochs, side by side.

    The axis of the loss is logarithmic if the highest loss is more than 5 times the lowest.

    Args:
        history: Tag -> (epoch, value) pairs. The tags ``train/loss``, ``val/loss``,
            ``train/accuracy`` and ``val/accuracy`` (in [0, 1]) are drawn if present; others are
            ignored.
        best: The epoch to mark. None: the first one with the highest validation accuracy.

    Raises:
        ValueError: All of the four curves are missing.
    """
    tags = [f"{stage}/{name}" for stage in STAGES for name in ("loss", "accuracy")]
    if not any(history.get(tag) for tag in tags):
        raise ValueError(f"history has {list(history)}, expected one or more of {', '.join(tags)}")
    accuracies = dict(history.get("val/accuracy", ()))
    if best is None and accuracies:
        best = max(accuracies, key=lambda epoch: accuracies[epoch])
    figure = new_figure(7.2, 3.4)
    for axes, name, unit in zip(figure.subplots(1, 2), ("loss", "accuracy"), (1, 100), strict=True):
        axes.set(xlabel="epoch", ylabel=name if unit == 1 else f"{name} (%)")
        _draw_curves(axes, history, name, unit, best)
    _add_legend(figure)
    if best in accuracies:
        figure.suptitle(f"best epoch {best:g}: validation accuracy {accuracies[best]:.2%}")
    return figure


def _add_legend(figure: Figure) -> None:
    """One legend for both panels below them, where it covers no curve."""
    lines = {str(line.get_label()): line for axes in figure.axes for line in axes.lines}
    figure.legend(
        list(lines.values()), list(lines), loc="outside lower center", ncols=len(lines), fontsize=9
    )


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
    add_grid(axes)
