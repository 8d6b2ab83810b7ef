"""Progress of a run: a line per epoch and, on a terminal, a bar.

Not Lightning's own bars: they show the time left of the epoch, not of the training, and fetch the
logged metrics from the device every few batches, however short a batch is.
"""

import math
from time import monotonic
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from typing_extensions import override

from deepdigits.core.timing import Throughput
from deepdigits.training.callbacks.bar import Bar, has_terminal
from deepdigits.training.callbacks.epoch_table import CLASSIFIER, EpochTable, header
from deepdigits.training.callbacks.history import without_forks
from deepdigits.training.callbacks.step_outputs import loss_of, num_samples
from deepdigits.training.callbacks.time_left import TimeLeft, batches_left, clock, total_batches
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.validation import is_of_validation

REFRESH = 0.5  # seconds between two drawings of the bar; a drawing takes under 1 ms


class Progress(ProgressBar):
    """Prints a line per epoch and, on a terminal, draws a bar below the lines.

    The bar shows the loss of the last batch, the last validation accuracy, the training images per
    second in this epoch, and the time left of the whole training without early stopping. The loss
    is fetched from the device only when the bar is drawn, twice a second.

    Args:
        bar: Whether to draw the bar. None: if stdout is a terminal.
    """

    def __init__(self, bar: bool | None = None) -> None:
        super().__init__()
        self._bar = Bar() if (has_terminal() if bar is None else bar) else None
        self._enabled = True
        self._throughput = Throughput()
        self._time_left = TimeLeft()
        self._last_drawn = -math.inf  # in seconds
        self._validated = False  # whether this epoch was validated
        self._table = EpochTable()

    @property
    def images_per_second(self) -> float:
        """Training images per second in this epoch, over all processes; 0 before a batch."""
        return self._throughput.images_per_second

    @override
    def disable(self) -> None:
        # Lightning calls it in all processes but the first, and while it tunes.
        self._enabled = False

    @override
    def enable(self) -> None:
        self._enabled = True

    @override
    def print(self, *args: Any, **kwargs: Any) -> None:
        if self._enabled:
            print(*args, **{"flush": True, **kwargs})

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._time_left.start()
        self._start_epoch(trainer)
        if isinstance(pl_module, LitClassifier):
            self._table = EpochTable(CLASSIFIER)
            self.print(header(CLASSIFIER))
        else:  # what it logs is known at the end of an epoch
            self._table = EpochTable()

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The line of the epoch before: its metrics are complete only now.
        self._print_line(trainer)
        self._start_epoch(trainer)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._time_left.count()
        due = self._due()
        loss = None
        if due or trainer.is_last_batch:  # at the end of an epoch, wait for the device
            loss = loss_of(outputs)
        self._throughput.count(num_samples(batch) * trainer.world_size)
        if due:
            accuracy = trainer.callback_metrics.get("val/accuracy")
            status = [
                *([] if loss is None else [f"loss {loss * trainer.accumulate_grad_batches:.4f}"]),
                *([] if accuracy is None else [f"val {accuracy:.2%}"]),
                f"{self.images_per_second:,.0f} images/s",
                f"{clock(self._time_left.seconds(trainer))} left",
            ]
            title = f"epoch {self._epoch_name(trainer)}"
            self._draw(title, batch_idx + 1, self.total_train_batches, "  ".join(status))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # After the last epoch Lightning logs directly to the terminal: remove the bar first.
        if batches_left(trainer) <= 0:
            self._close()

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print_line(trainer)

    @override
    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        if not trainer.sanity_checking:
            self._draw_evaluation("validation", trainer.num_val_batches, *step)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validated = True
            self._throughput.resume()  # the images per second exclude the time of the validation

    @override
    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *step: Any) -> None:
        self._draw_evaluation("test", trainer.num_test_batches, *step)

    @override
    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        self._draw_evaluation("prediction", trainer.num_predict_batches, *step)

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._close()

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def _start_epoch(self, trainer: Trainer) -> None:
        self._epoch, self._validated = trainer.current_epoch, False
        self._throughput.start()

    def _print_line(self, trainer: Trainer) -> None:
        if not self._throughput.images:
            return  # before the first epoch, or when an epoch was complete before the resume
        metrics = {
            name: float(value)
            for name, value in without_forks(trainer.callback_metrics).items()
            if self._validated or not is_of_validation(name)  # else those of an earlier validation
        }
        epoch, left = self._epoch_name(trainer), self._time_left.seconds(trainer)
        for line in self._table.lines(epoch, metrics, self.images_per_second, left):
            self.print(line)

    def _epoch_name(self, trainer: Trainer) -> str:
        batches = trainer.num_training_batches
        epochs = total_batches(trainer) / batches
        known = math.isfinite(epochs) and math.isfinite(batches)
        return f"{self._epoch + 1}/{math.ceil(epochs)}" if known else f"{self._epoch + 1}"

    def _due(self) -> bool:
        return self._bar is not None and self._enabled and monotonic() - self._last_drawn >= REFRESH

    def _draw(self, title: str, done: int, total: float, status: str = "") -> None:
        if self._bar is not None:
            self._bar.draw(title, done, total, status)
            self._last_drawn = monotonic()

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
            self._last_drawn = -math.inf
