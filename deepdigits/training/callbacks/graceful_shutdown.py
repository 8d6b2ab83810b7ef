"""Stop a run on a signal: save a checkpoint first, then print how to resume."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.core.errors import Interrupted
from deepdigits.core.files import display_path
from deepdigits.runs.trust import command_prefix
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint, validates_next
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.lightning_compat import replace_signal_handlers


class GracefulShutdown(Callback):
    """Stop at the end of the batch on SIGTERM and Ctrl-C, and under SLURM on SIGUSR1.

    A training saves ``last.ckpt`` first; if it is validating, it finishes the epoch first. Before
    the trainer runs, and at a second signal, the stop is immediate. Lightning 2.6 saves nothing on
    SIGTERM and exits with code 0. Must be the last of the callbacks.

    A context manager that installs the signal handlers and restores the former ones. Two cases
    leave the handlers as they are: in another thread than the main one Python cannot set them, and
    a handler that was installed by C code could not be restored.

    Args:
        verb: The command that can be resumed with ``--resume``.

    Attributes:
        signum: The signal that was received in the context; None before.
        relay: Hands the first signal on to the processes that this one has started, and waits for.
        last_checkpoint: The callback that saves the checkpoint. None: nothing is saved.
    """

    def __init__(self, verb: str = "train") -> None:
        self.verb = verb
        self.signum: int | None = None
        self.relay: Callable[[int], None] | None = None
        self.last_checkpoint: LastCheckpoint | None = None
        self._relayed: int | None = None  # by another process; a signal may also come directly
        self._entered = False
        self._trainer_runs = False
        self._former_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self.signum = self._relayed = None
        self._entered = True
        self._install_handlers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for signum, handler in self._former_handlers.items():
            signal.signal(signum, handler)
        self._former_handlers.clear()
        self.signum = self._relayed = None
        self._entered = self._trainer_runs = False

    def receive(self, signum: int) -> None:
        """Stop as on a signal that another process of the run has received; from any thread."""
        if self._trainer_runs:
            self._relayed = signum
        else:
            os.kill(os.getpid(), signum)

    def check(self) -> None:
        """Stop between two stages.

        Raises:
            Interrupted: A signal was received.
        """
        if self._received is not None:
            self._stop("between two stages")

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer_runs = self._entered
        # Lightning's own would be called before these: it installs them when the stage starts.
        replace_signal_handlers(trainer, self._install_handlers)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer_runs = False

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # After the last batch of an epoch, on_train_epoch_start of the next one stops the run.
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and not validates_next(trainer, batch_idx) and self._signal_received(trainer):
            self._save_and_stop(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # LastCheckpoint has saved the epoch before. Nothing is saved yet when a training starts:
        # then the run stops after its first batch.
        saved = self.last_checkpoint is None or self.last_checkpoint.saved
        if saved and self._signal_received(trainer):
            self._stop(f"after epoch {trainer.current_epoch}", trainer)

    @override
    def on_validation_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.state.fn != "fit" and self._signal_received(trainer):
            self._stop("while validating")

    @override
    def on_test_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if self._signal_received(trainer):
            self._stop("while testing", trainer)

    @override
    def on_predict_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if self._signal_received(trainer):
            self._stop("while predicting")

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        is_first, self.signum = self.signum is None, signum
        if is_first and self.relay is not None:
            self.relay(signum)
        elif not (is_first and self._trainer_runs):
            self._stop("immediately")

    @property
    def _received(self) -> int | None:
        """The signal that was received, by this process or another one."""
        return self.signum or self._relayed

    def _signal_received(self, trainer: Trainer) -> bool:
        received = self._received is not None
        if trainer.world_size > 1:  # all processes stop together, whichever received the signal
            received = trainer.strategy.reduce_boolean_decision(received, all=False)
            self._relayed = self._relayed or (signal.SIGTERM if received else None)
        return received

    def _save_and_stop(self, trainer: Trainer) -> None:
        position = f"in epoch {trainer.current_epoch + 1} at step {trainer.global_step}"
        if self.last_checkpoint is None:
            self._stop(f"{position}; nothing is saved")
        else:
            self.last_checkpoint.save(trainer)
            self._stop(f"{position}, which is saved", trainer)

    def _stop(self, when: str, trainer: Trainer | None = None) -> None:
        signum = self._received
        assert signum is not None
        line = f"stopped by {signal.Signals(signum).name} {when}"
        run = None if trainer is None else run_of(trainer)
        if trainer is not None and run is not None and self.last_checkpoint is not None:
            classes = [type(trainer.lightning_module)]
            if trainer.datamodule is not None:  # type: ignore[attr-defined]
                classes.append(type(trainer.datamodule))  # type: ignore[attr-defined]
            command = f"{command_prefix(*classes)}deepdigits {self.verb}"
            line += f"; resume with: {command} --resume {display_path(run.folder)}"
        raise Interrupted(signum, line)

    def _install_handlers(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if not (self._entered and is_main):
            return
        signums = [signal.SIGTERM, signal.SIGINT]
        if "SLURM_JOB_ID" in os.environ:
            signums.append(signal.SIGUSR1)
        for signum in signums:
            former = signal.getsignal(signum)
            if former is not None:  # None: installed by C code
                self._former_handlers.setdefault(signum, former)
                signal.signal(signum, self._handle)
