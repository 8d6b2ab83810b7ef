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

    A net of the user's own may also name its metrics ``train_loss``, ``val_acc`` and the like.

    >>> print(epoch_line("1/2", {"train/loss": 0.5, "train/accuracy": 0.9}, 20_000, 61))
        1/2      0.5000    90.00%         -         -    20,000    0:01:01
    """
    known = {_name(name): value for name, value in metrics.items()} | dict(metrics)
    cells = [format(known[name], f) if name in known else "-" for name, f in _METRICS.items()]
    return _LINE.format(epoch, *cells, f"{images_per_second:,.0f}", clock(seconds_left))


def _name(metric: str) -> str:
    """The name that a metric has here: ``val/accuracy`` for ``val_acc``."""
    name = metric.replace("_", "/", 1)
    return f"{name}uracy" if name.endswith("/acc") else name
