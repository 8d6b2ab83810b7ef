"""A run that is asked to stop saves what it has, and says how to go on."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from lightning.pytorch import Callback, LightningModule, Trainer

from deepdigits.core.errors import Interrupted
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint, validates_next


class GracefulShutdown(Callback):
    """Stops at the end of the batch on SIGTERM and Ctrl-C, and under SLURM on SIGUSR1.

    Lightning 2.6 saves nothing on SIGTERM and ends with exit code 0. Here a training saves
    ``last.ckpt`` first; one that is validating ends the epoch; before the trainer works, and at
    a second signal, the stop is immediate. It must be the last of the callbacks.

    A context manager: outside of it signals do what they did before.

    Args:
        verb: The verb that can go on with ``--resume``.
    """

    def __init__(self, verb: str = "train") -> None:
        self.verb = verb
        self.signum: int | None = None
        self.last_checkpoint: LastCheckpoint | None = None
        self._at_work = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._take_over()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for signum, handler in self._former.items():
            signal.signal(signum, handler)
        self._former.clear()

    def check(self) -> None:
        """Stop between two stages, if a signal came.

        Raises:
            Interrupted: One did.
        """
        if self.signum is not None:
            self._stop("between two stages")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """From here on a signal waits for the end of a batch; Lightning's handlers stay away."""
        self._at_work = True
        # It would put its own in front of these, just before it starts.
        trainer._signal_connector.register_signal_handlers = self._take_over  # type: ignore[method-assign]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """From here on it does not."""
        self._at_work = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop; the last batch of an epoch leaves that to the end of the epoch."""
        whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if whole and not validates_next(trainer, batch_idx) and self._asked(trainer):
            self._save_and_stop(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop between two epochs; the one before has just been saved."""
        begun = self.last_checkpoint is None or self.last_checkpoint.saved
        if begun and self._asked(trainer):
            self._stop(f"after epoch {trainer.current_epoch}", trainer)

    def on_validation_batch_end(self, trainer: Trainer, *others: Any) -> None:
        """Stop, where validation is all that is run."""
        if trainer.state.fn != "fit" and self._asked(trainer):
            self._stop("while validating")

    def on_test_batch_end(self, trainer: Trainer, *others: Any) -> None:
        """Stop."""
        if self._asked(trainer):
            self._stop("while testing", trainer)

    def on_predict_batch_end(self, trainer: Trainer, *others: Any) -> None:
        """Stop."""
        if self._asked(trainer):
            self._stop("while predicting")

    def _received(self, signum: int, frame: FrameType | None) -> None:
        first, self.signum = self.signum is None, signum
        if not (first and self._at_work):
            self._stop("at once")

    def _asked(self, trainer: Trainer) -> bool:
        asked = self.signum is not None
        if trainer.world_size > 1:  # all stop together, whichever of them was asked
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
            self.signum = self.signum or (signal.SIGTERM if asked else None)
        return asked

    def _save_and_stop(self, trainer: Trainer) -> None:
        where = f"in epoch {trainer.current_epoch + 1} at step {trainer.global_step}"
        if self.last_checkpoint is None:
            self._stop(f"{where}; nothing is saved")
        else:
            self.last_checkpoint.save(trainer)
            self._stop(f"{where}, which is saved", trainer)

    def _stop(self, where: str, trainer: Trainer | None = None) -> None:
        assert self.signum is not None
        line = f"stopped by {signal.Signals(self.signum).name} {where}"
        if trainer is not None and self.last_checkpoint is not None and trainer.log_dir:
            run = os.path.relpath(trainer.log_dir)
            line += f"; go on with: deepdigits {self.verb} --resume {run}"
        raise Interrupted(self.signum, line)

    def _take_over(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may
        watched = [signal.SIGTERM, signal.SIGINT]
        if "SLURM_JOB_ID" in os.environ:
            watched.append(signal.SIGUSR1)
        for signum in watched:
            former = signal.signal(signum, self._received)
            self._former.setdefault(signum, former)
