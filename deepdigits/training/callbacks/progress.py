"""How a run goes on: a line per epoch and, on a terminal, a bar."""

import math
from time import monotonic
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, Timer

from deepdigits.core.timing import Throughput
from deepdigits.training.callbacks.bar import Bar, clock, has_terminal

LINE = "{:>7}  {:>10}  {:>8}  {:>8}  {:>8}  {:>8}  {:>9}"
HEADER = LINE.format(
    "epoch", "train loss", "accuracy", "val loss", "accuracy", "images/s", "time left"
)
REFRESH = 0.5  # seconds between two drawings of the bar; one takes under 1 ms


class Progress(ProgressBar):
    """Prints a line per epoch and, on a terminal, draws a bar below the lines.

    The bar shows the loss of the last batch, the last validation accuracy, training images per
    second in this epoch, and the time left of the whole training (at most: early stopping may end
    it sooner). Only when it is drawn, twice a second, is the loss fetched from the device.

    Args:
        bar: Whether to draw the bar. None: where stdout is a terminal.
    """

    def __init__(self, bar: bool | None = None) -> None:
        super().__init__()
        self._bar = Bar() if (has_terminal() if bar is None else bar) else None
        self._enabled = True
        self._throughput = Throughput()
        self._start = 0.0  # of this training, in seconds
        self._batches = 0  # trained since then
        self._drawn = -math.inf  # when the bar was drawn last
        self._validated = False

    @property
    def images_per_second(self) -> float:
        """Training images per second of this epoch, over all processes; 0 before a batch."""
        return self._throughput.images_per_second

    def disable(self) -> None:
        """Show nothing: Lightning asks for it in all processes but one, and while it tunes."""
        self._enabled = False

    def enable(self) -> None:
        """Show everything again."""
        self._enabled = True

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print, above the bar if there is one."""
        if self._enabled:
            print(*args, **{"flush": True, **kwargs})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the header of the lines."""
        self._start, self._batches = monotonic(), 0
        self._start_epoch(trainer)
        self.print(HEADER)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the epoch before, whose figures are complete only now."""
        self._print_line(trainer)
        self._start_epoch(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch, and draw if it is time."""
        self._batches += 1
        due = self._due()
        loss = math.nan
        if due or trainer.is_last_batch:  # an epoch ends when the device has done its last batch
            loss = float((outputs or {}).get("loss", math.nan)) * trainer.accumulate_grad_batches
        self._throughput.count(len(batch[0]) * trainer.world_size)
        if due:
            accuracy = trainer.callback_metrics.get("val/accuracy")
            status = [
                f"loss {loss:.4f}",
                *([] if accuracy is None else [f"val {accuracy:.2%}"]),
                f"{self.images_per_second:,.0f} images/s",
                f"{clock(self._seconds_left(trainer))} left",
            ]
            title = f"epoch {self._epoch_name(trainer)}"
            self._draw(title, batch_idx + 1, self.total_train_batches, "  ".join(status))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wipe the bar after the last epoch: Lightning logs next, straight to the terminal."""
        if _batches_left(trainer) <= 0:
            self._close()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the last epoch."""
        self._print_line(trainer)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Draw if it is time."""
        if not trainer.sanity_checking:
            self._draw_evaluation("validation", trainer.num_val_batches, *step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the time of a validation out of the images per second."""
        if not trainer.sanity_checking:
            self._validated = True
            self._throughput.resume()

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *step: Any) -> None:
        """Draw if it is time."""
        self._draw_evaluation("test", trainer.num_test_batches, *step)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Draw if it is time."""
        self._draw_evaluation("prediction", trainer.num_predict_batches, *step)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the terminal back."""
        self._close()

    def _start_epoch(self, trainer: Trainer) -> None:
        self._epoch, self._validated = trainer.current_epoch, False
        self._throughput.start()

    def _print_line(self, trainer: Trainer) -> None:
        if not self._throughput.images:
            return  # the first epoch, or one that was complete before this run was resumed
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not self._validated:  # these are of an earlier epoch
            figures = {name: value for name, value in figures.items() if "val/" not in name}
        cells = [
            format(figures[name], spec) if name in figures else "-"
            for stage in ("train", "val")
            for name, spec in ((f"{stage}/loss", ".4f"), (f"{stage}/accuracy", ".2%"))
        ]
        left = clock(self._seconds_left(trainer))
        speed = f"{self.images_per_second:,.0f}"
        self.print(LINE.format(self._epoch_name(trainer), *cells, speed, left))

    def _epoch_name(self, trainer: Trainer) -> str:
        batches = trainer.num_training_batches
        epochs = _total_batches(trainer) / batches
        known = math.isfinite(epochs) and math.isfinite(batches)
        return f"{self._epoch + 1}/{math.ceil(epochs)}" if known else f"{self._epoch + 1}"

    def _seconds_left(self, trainer: Trainer) -> float | None:
        batches = max(0.0, _batches_left(trainer))
        estimates = [batches * (monotonic() - self._start) / self._batches]
        timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
        estimates += [left for t in timers if (left := t.time_remaining()) is not None]
        return min(estimates) if math.isfinite(min(estimates)) else None

    def _due(self) -> bool:
        return self._bar is not None and self._enabled and monotonic() - self._drawn >= REFRESH

    def _draw(self, title: str, done: int, total: float, status: str = "") -> None:
        if self._bar is not None:
            self._bar.draw(title, done, total, status)
            self._drawn = monotonic()

    def _draw_evaluation(
        self,
        title: str,
        num_batches: list[Any],
        outputs: Any,
        batch: Any,
        batch_idx: int,
        loader: int = 0,
    ) -> None:
        if self._due():
            self._draw(title, batch_idx + 1, num_batches[loader])

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._drawn = -math.inf


def _total_batches(trainer: Trainer) -> float:
    """Batches per process of the whole training; infinite where it has no end."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    by_epochs = epochs * trainer.num_training_batches if epochs not in (None, -1) else math.inf
    by_steps = steps * trainer.accumulate_grad_batches if steps != -1 else math.inf
    return min(by_epochs, by_steps)


def _batches_left(trainer: Trainer) -> float:
    return _total_batches(trainer) - trainer.fit_loop.total_batch_idx - 1
