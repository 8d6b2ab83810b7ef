"""Estimate the time left of a training."""

import math
from datetime import timedelta
from time import monotonic

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer

from deepdigits.training.lightning_compat import batches_trained


class TimeLeft:
    """Time left of a training, from the mean time of its batches so far and from `max_time`."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the clock, when the training starts or is resumed."""
        self._start = monotonic()
        self._batches = 0

    def count(self) -> None:
        """Count a trained batch."""
        self._batches += 1

    def seconds(self, trainer: Trainer) -> float | None:
        """Seconds left without early stopping; None if the training has no end."""
        seconds_per_batch = (monotonic() - self._start) / self._batches
        estimates = [max(0.0, batches_left(trainer)) * seconds_per_batch]
        timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
        estimates += [left for t in timers if (left := t.time_remaining()) is not None]
        return min(estimates) if math.isfinite(min(estimates)) else None


def total_batches(trainer: Trainer) -> float:
    """Batches per process of the whole training; infinite without max_epochs and max_steps."""
    epochs, accumulated = trainer.max_epochs, trainer.accumulate_grad_batches
    by_epochs = epochs * trainer.num_training_batches if epochs not in (None, -1) else math.inf
    if trainer.max_steps == -1:
        return by_epochs
    # From the steps to come: those before a resume may have had more batches, or fewer.
    begun = (trainer.fit_loop.batch_idx + 1) % accumulated  # batches of the next step
    to_come = (trainer.max_steps - trainer.global_step) * accumulated - begun
    return min(by_epochs, batches_trained(trainer) + to_come)


def batches_left(trainer: Trainer) -> float:
    """Batches per process that are still to be trained."""
    return total_batches(trainer) - batches_trained(trainer)


def clock(seconds: float | None) -> str:
    """Hours, minutes and seconds; ``-:--:--`` for None.

    >>> clock(3725.8), clock(None)
    ('1:02:05', '-:--:--')
    """
    return "-:--:--" if seconds is None else str(timedelta(seconds=int(seconds)))
