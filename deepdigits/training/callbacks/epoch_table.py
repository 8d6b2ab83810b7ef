"""The table that a training prints: a header, then a line per epoch."""

from collections.abc import Mapping

from deepdigits.training.callbacks.time_left import clock

_LINE = "{:>7}  {:>10}  {:>8}  {:>8}  {:>8}  {:>8}  {:>9}"
_METRICS = {
    "train/loss": ".4f",
    "train/accuracy": ".2%",
    "val/loss": ".4f",
    "val/accuracy": ".2%",
}
HEADER = _LINE.format(
    "epoch", "train loss", "accuracy", "val loss", "accuracy", "images/s", "time left"
)


def epoch_line(
    epoch: str,
    metrics: Mapping[str, float],
    images_per_second: float,
    seconds_left: float | None,
) -> str:
    """The line of an epoch; ``-`` for a metric that is missing.

    >>> print(epoch_line("1/2", {"train/loss": 0.5, "train/accuracy": 0.9}, 20_000, 61))
        1/2      0.5000    90.00%         -         -    20,000    0:01:01
    """
    cells = [format(metrics[name], f) if name in metrics else "-" for name, f in _METRICS.items()]
    return _LINE.format(epoch, *cells, f"{images_per_second:,.0f}", clock(seconds_left))
