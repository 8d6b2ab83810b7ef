"""The table that a training prints: a header, then a line per epoch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deepdigits.training.callbacks.time_left import clock

MOST = 6  # columns of a net of the user's own


@dataclass(frozen=True)
class Column:
    """A metric in the table.

    Attributes:
        metric: Its name.
        title: Its name in the header.
        format: How a value is written.
        width: Characters.
    """

    metric: str
    title: str
    format: str
    width: int = 8


CLASSIFIER = (
    Column("train/loss", "train loss", ".4f", 10),
    Column("train/accuracy", "accuracy", ".2%"),
    Column("val/loss", "val loss", ".4f"),
    Column("val/accuracy", "accuracy", ".2%"),
)
_ORDER = [column.metric for column in CLASSIFIER]


class EpochTable:
    """The lines of a training.

    Args:
        columns: The columns, whose header is printed already. None: they follow from the metrics;
            a header comes before the first line, and again when there are further metrics.
    """

    def __init__(self, columns: Sequence[Column] | None = None) -> None:
        self._is_fixed = columns is not None
        self._columns = columns

    def lines(
        self,
        epoch: str,
        metrics: Mapping[str, float],
        images_per_second: float,
        seconds_left: float | None,
    ) -> Iterator[str]:
        """The line of an epoch, after a header if there are new columns."""
        if not self._is_fixed:
            known = [column.metric for column in self._columns or ()]
            columns = own_columns(dict.fromkeys([*known, *metrics]))
            if columns != self._columns:
                yield header(columns)
            self._columns = columns
        yield epoch_line(epoch, metrics, images_per_second, seconds_left, self._columns or ())


def own_columns(metrics: Iterable[str]) -> tuple[Column, ...]:
    """The columns of a net that logs other metrics: the first few, losses and accuracies first.

    >>> [column.title for column in own_columns(["val_f1", "val_acc", "train_loss"])]
    ['train_loss', 'val_acc', 'val_f1']
    """

    def place(metric: str) -> int:
        name = _name(metric)
        return _ORDER.index(name) if name in _ORDER else len(_ORDER)

    names = sorted(metrics, key=place)[:MOST]
    return tuple(Column(name, name, ".4g", max(8, len(name))) for name in names)


def header(columns: Sequence[Column]) -> str:
    """The first line of the table."""
    cells = [f"{column.title:>{column.width}}" for column in columns]
    return _line("epoch", cells, "images/s", "time left")


def epoch_line(
    epoch: str,
    metrics: Mapping[str, float],
    images_per_second: float,
    seconds_left: float | None,
    columns: Sequence[Column] = CLASSIFIER,
) -> str:
    """The line of an epoch; ``-`` for a metric that is missing.

    >>> print(epoch_line("1/2", {"train/loss": 0.5, "train/accuracy": 0.9}, 20_000, 61))
        1/2      0.5000    90.00%         -         -    20,000    0:01:01
    """
    texts = [
        format(metrics[column.metric], column.format) if column.metric in metrics else "-"
        for column in columns
    ]
    cells = [f"{text:>{column.width}}" for text, column in zip(texts, columns, strict=True)]
    return _line(epoch, cells, f"{images_per_second:,.0f}", clock(seconds_left))


def _line(epoch: str, cells: Sequence[str], speed: str, time_left: str) -> str:
    return "  ".join([f"{epoch:>7}", *cells, f"{speed:>8}", f"{time_left:>9}"])


def _name(metric: str) -> str:
    """The name that LitClassifier gives a metric: ``val/accuracy`` for ``val_acc``."""
    name = metric.replace("_", "/", 1)
    return f"{name}uracy" if name.endswith("/acc") else name
