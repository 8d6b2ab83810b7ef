"""``bench scale``: time and memory of an epoch for several dataset sizes and batch sizes."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from deepdigits.benchmarks.loop import build, quiet
from deepdigits.benchmarks.memory import peak_mb
from deepdigits.benchmarks.timing import Result
from deepdigits.core.console import say
from deepdigits.core.files import check_output_path
from deepdigits.data.module import DigitsDataModule
from deepdigits.plots.style import BLUE, ORANGE, add_grid, new_figure, save_figure
from deepdigits.runs.bundled_configs import config_path
from deepdigits.runs.report import TRAINING

FACTORS = (1, 4, 10)  # EMNIST has 4 and 14 times the digits of MNIST
BATCH_SIZES = (64, 128, 256, 512, 1024)
BATCH_SIZE = 256  # for all dataset sizes
Point = tuple[int, int]  # repetitions of the digits, batch size


def bench_scale(config: str = "mlp", repeats: int = 1, plot: str | None = None) -> Result:
    """Measure one epoch of a config in a separate process for each point.

    The points are the training digits repeated 1, 4 and 10 times, and batch sizes of 64 to 1024.

    Args:
        config: The config to train.
        repeats: Number of processes for each point; the points alternate.
        plot: Also draw a figure into this file: .png, .svg or .pdf.

    Raises:
        InputError: The config cannot be read, a process fails, or the figure cannot be written.
    """
    path = str(Path(config_path(config)).resolve())
    if plot is not None:
        check_output_path("--plot", Path(plot), (".png", ".svg", ".pdf"))
    points = [(factor, BATCH_SIZE) for factor in FACTORS]
    points += [(1, size) for size in BATCH_SIZES if size != BATCH_SIZE]
    found: dict[Point, list[tuple[float, float]]] = {point: [] for point in points}
    for _ in range(repeats):
        for point in points:
            found[point].append(_measure_in_process(path, point))
            say(f"{point} {found[point][-1]}", error=True)
    seconds = {point: median(s for s, _ in values) for point, values in found.items()}
    peak = {point: median(mb for _, mb in values) for point, values in found.items()}
    if plot is not None:
        save_figure(plot_scaling(seconds, peak), Path(plot))
    first = points[0]
    rows = []
    for n, size in points:
        ratio = seconds[n, size] / seconds[first]
        more = peak[n, size] - peak[first]
        cells = [f"{n} x", f"{size}", f"{seconds[n, size]:.2f} s", f"{ratio:.2f} x"]
        rows.append([*cells, f"{peak[n, size]:.0f} MB", f"{more:+.0f} MB"])
    head = ("digits", "batch size", "epoch", "ratio", "peak memory", "above the first")
    measurements = {
        "repeats": repeats,
        "points": [
            {"factor": n, "batch_size": size, "seconds": seconds[n, size], "peak_mb": peak[n, size]}
            for n, size in points
        ],
    }
    return Result("scale", f"one epoch of {config}, everything on", head, rows, measurements)


def train_repeated(config: str, factor: int, batch_size: int, folder: str) -> float:
    """Train an epoch on the digits of a config, each so many times, and return its seconds."""
    own = ["--trainer.max_epochs", "1", "--data.batch_size", str(batch_size)]
    built = build(["-c", config, *own], folder)
    data = built.datamodule
    assert isinstance(data, DigitsDataModule)
    data.prepare_data()
    data.setup("fit")
    data.repeat(factor)
    with quiet(), built.run_folder_lock():
        built.trainer.fit(built.model, datamodule=data)
    facts = json.loads(Path(str(built.run_folder), TRAINING).read_text())
    return float(facts["training_seconds"])


def plot_scaling(seconds: Mapping[Point, float], peak: Mapping[Point, float]) -> Figure:
    """Plot time and peak memory of an epoch: left over dataset sizes, right over batch sizes."""
    figure = new_figure(8, 3.4)
    left, right = figure.subplots(1, 2)
    by_size = sorted(point for point in seconds if point[1] == BATCH_SIZE)
    by_batch = sorted(point for point in seconds if point[0] == 1)
    for axes, points, axis, label in (
        (left, by_size, 0, "training digits, in multiples of MNIST"),
        (right, by_batch, 1, "batch size"),
    ):
        x = [point[axis] for point in points]
        axes.plot(x, [seconds[point] for point in points], "o-", color=BLUE)
        axes.set(xlabel=label, ylim=(0, 1.1 * max(seconds[point] for point in points)))
        axes.set_xticks(x)
        axes.set_ylabel("seconds of an epoch", color=BLUE)
        memory = axes.twinx()
        memory.plot(x, [peak[point] for point in points], "s--", color=ORANGE)
        memory.set_ylim(0, 1.1 * max(peak[point] for point in points))
        memory.set_ylabel("peak memory (MB)", color=ORANGE)
        add_grid(axes)
    right.set_xscale("log", base=2)
    right.set_xticks([size for _, size in by_batch], [f"{size}" for _, size in by_batch])
    return figure


def _measure_in_process(config: str, point: Point) -> tuple[float, float]:
    """Seconds of the epoch, and peak memory of its process in MB."""
    with TemporaryDirectory() as folder:
        numbers = [str(number) for number in point]
        peak = peak_mb(["-m", "deepdigits.benchmarks.scale", config, *numbers, folder])
        return float(Path(folder, "seconds").read_text()), peak


def main(args: Sequence[str]) -> None:
    """Entry point of the process: config, factor, batch size and folder."""
    config, factor, batch_size, folder = args
    seconds = train_repeated(config, int(factor), int(batch_size), folder)
    Path(folder, "seconds").write_text(f"{seconds}")


if __name__ == "__main__":
    main(sys.argv[1:])
