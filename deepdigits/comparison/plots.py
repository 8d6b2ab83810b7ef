"""Accuracy against what it costs, as a picture."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from deepdigits.comparison import captions as labels
from deepdigits.comparison.groups import Group
from deepdigits.comparison.statistics import Summary, summary
from deepdigits.core.errors import InputError

PANELS = {"training_seconds": "training seconds", "parameters": "parameters"}
FONT = 9
COLOR = "#0072B2"  # blue of the palette of Okabe and Ito, for every kind of colour vision


def save_comparison(groups: Sequence[Group], path: Path) -> None:
    """Draw the comparison into a file; its ending says the format.

    Raises:
        InputError: The ending is none that can be drawn, or the file cannot be written.
    """
    figure = draw_comparison(groups)
    try:
        figure.savefig(path)
    except (ValueError, OSError) as error:
        raise InputError(f"--plot {path} cannot be written: {error}") from error


def draw_comparison(groups: Sequence[Group]) -> Figure:
    """Accuracy against training seconds and against parameters; a row for each set of digits.

    A point is the mean over seeds, a bar one standard deviation to each side.
    """
    parts = [list(part) for _, part in groupby(groups, key=lambda group: group.evaluated_on)]
    figure = Figure(figsize=(11, 4.6 * len(parts)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(parts), len(PANELS), sharey="row", squeeze=False)
    panels = [
        _Panel(ax, part, fact)
        for part, axes in zip(parts, rows, strict=True)
        for ax, fact in zip(axes, PANELS, strict=True)
    ]
    for panel in panels:
        panel.draw()
    for part, axes in zip(parts, rows, strict=True):
        dataset, split, _ = part[0].evaluated_on
        axes[0].set_ylabel(f"{split} accuracy on {dataset}, %")
    figure.draw_without_rendering()  # where all lies must be known to keep the labels apart
    for panel in panels:
        panel.label()
    return figure


class _Panel:
    """One pair of axes: accuracy of groups against a fact of their training."""

    def __init__(self, ax: Axes, groups: Sequence[Group], fact: str) -> None:
        self.ax = ax
        self.fact = fact
        self.groups = [group for group in groups if group.values(fact)]
        self.costs = [summary(group.values(fact)) for group in self.groups]
        self.accuracies = [
            summary([100 * value for value in group.values("accuracy")]) for group in self.groups
        ]

    def draw(self) -> None:
        """Points, bars and axes."""
        for x, y in zip(self.costs, self.accuracies, strict=True):
            self.ax.errorbar(
                x.mean,
                y.mean,
                y.sd or None,
                x.sd or None,
                "o",
                color=COLOR,
                ecolor="0.6",
                capsize=3,
            )
        means = [cost.mean for cost in self.costs]
        if means and max(means) > 5 * min(means) > 0:
            self.ax.set_xscale("log")
        self.ax.margins(0.2)
        self.ax.grid(color="0.92")
        self.ax.set_axisbelow(True)
        self.ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        self.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        self.ax.set_xlabel(PANELS[self.fact])

    def label(self) -> None:
        """Name each point where the name covers nothing; with a line to it, where that is far."""
        means = [(x.mean, y.mean) for x, y in zip(self.costs, self.accuracies, strict=True)]
        points = [tuple(self.ax.transData.transform(mean)) for mean in means]
        sizes = [self._size(group.name) for group in self.groups]
        bars = [
            box
            for x, y in zip(self.costs, self.accuracies, strict=True)
            for box in self._bars(x, y)
        ]
        frame = self.ax.get_window_extent()
        inside = (frame.x0 + 5, frame.y0 + 5, frame.x1 - 5, frame.y1 - 5)
        boxes = labels.place(points, sizes, inside, bars)
        for group, mean, point, box in zip(self.groups, means, points, boxes, strict=True):
            corner = self.ax.transData.inverted().transform(box[:2])
            line: dict[str, Any] = {
                "arrowstyle": "-",
                "color": "0.5",
                "lw": 0.6,
                "shrinkA": 0,
                "shrinkB": 5,
            }
            name = self.ax.annotate(
                group.name,
                mean,
                tuple(corner),
                fontsize=FONT,
                va="bottom",
                arrowprops=line if labels.is_far(point, box) else None,
            )
            name.set_in_layout(False)

    def _size(self, name: str) -> tuple[float, float]:
        """Width and height of a name in pixels."""
        text = self.ax.text(0, 0, name, fontsize=FONT, va="bottom")
        extent = text.get_window_extent()
        text.remove()
        return extent.width, extent.height

    def _bars(self, x: Summary, y: Summary) -> list[labels.Box]:
        """Pixels that a point and its two bars take."""
        wide, high = x.sd or 0.0, y.sd or 0.0
        ends = [((x.mean - wide, y.mean), (x.mean + wide, y.mean))]
        ends += [((x.mean, y.mean - high), (x.mean, y.mean + high))]
        boxes = [self.ax.transData.transform(pair) for pair in ends]
        return [(a[0] - 7, a[1] - 7, b[0] + 7, b[1] + 7) for a, b in boxes]
