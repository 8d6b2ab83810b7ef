"""Plot accuracy against training time and against model size."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from deepdigits.comparison.captions import Box, is_far, place
from deepdigits.comparison.groups import Group
from deepdigits.comparison.statistics import Summary, summary
from deepdigits.core.text import figure_text
from deepdigits.plots.style import BLUE, GREY, add_grid, new_figure, save_figure

PANELS = {"training_seconds": "training seconds", "parameters": "parameters"}
FONT_SIZE = 9
LEADER_LINE = {"arrowstyle": "-", "color": GREY, "lw": 0.6, "shrinkA": 0, "shrinkB": 5}


def save_comparison(groups: Sequence[Group], path: Path) -> None:
    """Draw the comparison into a file; see `draw_comparison` and `save_figure`."""
    save_figure(draw_comparison(groups), path)


def draw_comparison(groups: Sequence[Group]) -> Figure:
    """Plot accuracy against training seconds and against parameters.

    Groups that were evaluated on the same digits share a row of axes. A point is the mean over the
    seeds; its bars extend by one standard deviation to each side.

    Args:
        groups: Sorted by the digits that they were evaluated on.
    """
    parts = [list(part) for _, part in groupby(groups, key=lambda group: group.evaluated_on)]
    figure = new_figure(11, 4.6 * len(parts))
    rows = figure.subplots(len(parts), len(PANELS), sharey="row", squeeze=False)
    panels = [
        _Panel(ax, part, cost)
        for part, axes in zip(parts, rows, strict=True)
        for ax, cost in zip(axes, PANELS, strict=True)
    ]
    for panel in panels:
        panel.draw()
    for part, axes in zip(parts, rows, strict=True):
        dataset, split, _ = part[0].evaluated_on
        axes[0].set_ylabel(f"{split} accuracy on {figure_text(dataset)}, %")
    figure.draw_without_rendering()  # fixes the layout, which the captions depend on
    for panel in panels:
        panel.add_captions()
    return figure


class _Panel:
    """Axes with the accuracy of groups against one cost: training seconds or parameters."""

    def __init__(self, ax: Axes, groups: Sequence[Group], cost: str) -> None:
        self.ax = ax
        self.cost = cost
        self.groups = [group for group in groups if group.values(cost)]
        self.costs = [summary(group.values(cost)) for group in self.groups]
        self.accuracies = [
            summary([100 * value for value in group.values("accuracy")]) for group in self.groups
        ]

    def draw(self) -> None:
        """Draw points, error bars and axes."""
        for x, y in zip(self.costs, self.accuracies, strict=True):
            self.ax.errorbar(
                x.mean,
                y.mean,
                y.sd or None,
                x.sd or None,
                "o",
                color=BLUE,
                ecolor=GREY,
                capsize=3,
            )
        means = [cost.mean for cost in self.costs]
        if means and max(means) > 5 * min(means) > 0:
            self.ax.set_xscale("log")
        self.ax.margins(0.2)
        add_grid(self.ax)
        self.ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        self.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        self.ax.set_xlabel(PANELS[self.cost])

    def add_captions(self) -> None:
        """Name each point without covering anything; a distant name gets a line to its point."""
        means = [(x.mean, y.mean) for x, y in zip(self.costs, self.accuracies, strict=True)]
        points = [tuple(self.ax.transData.transform(mean)) for mean in means]
        sizes = [self._size(figure_text(group.name)) for group in self.groups]
        bars = [
            box
            for x, y in zip(self.costs, self.accuracies, strict=True)
            for box in self._bars(x, y)
        ]
        frame = self.ax.get_window_extent()
        inside = (frame.x0 + 5, frame.y0 + 5, frame.x1 - 5, frame.y1 - 5)
        boxes = place(points, sizes, inside, bars)
        for group, mean, point, box in zip(self.groups, means, points, boxes, strict=True):
            corner = self.ax.transData.inverted().transform(box[:2])
            caption = self.ax.annotate(
                figure_text(group.name),
                mean,
                tuple(corner),
                fontsize=FONT_SIZE,
                va="bottom",
                arrowprops=LEADER_LINE if is_far(point, box) else None,
            )
            caption.set_in_layout(False)

    def _size(self, name: str) -> tuple[float, float]:
        """Width and height of a caption in pixels."""
        text = self.ax.text(0, 0, name, fontsize=FONT_SIZE, va="bottom")
        extent = text.get_window_extent()
        text.remove()
        return extent.width, extent.height

    def _bars(self, x: Summary, y: Summary) -> list[Box]:
        """The area of a point and its two error bars, in pixels."""
        sd_x, sd_y = x.sd or 0.0, y.sd or 0.0
        ends = [((x.mean - sd_x, y.mean), (x.mean + sd_x, y.mean))]
        ends += [((x.mean, y.mean - sd_y), (x.mean, y.mean + sd_y))]
        boxes = [self.ax.transData.transform(pair) for pair in ends]
        return [(a[0] - 7, a[1] - 7, b[0] + 7, b[1] + 7) for a, b in boxes]
