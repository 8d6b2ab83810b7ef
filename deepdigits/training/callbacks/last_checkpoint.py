"""Save ``last.ckpt`` for resuming, after each epoch and within it."""

from pathlib import Path
from time import monotonic
from typing import Any, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import AsyncCheckpointIO
from torch import Tensor
from typing_extensions import override

from deepdigits.core.files import copy_atomically
from deepdigits.runs.checkpoint_record import LAST
from deepdigits.training.callbacks.checkpoint_paths import checkpoint_folder
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.lightning_compat import mark_updated

FINISHED = "finished.ckpt"


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` after each epoch, and in its middle every so many steps or seconds.

    Lightning's own ``save_last`` saves it only in epochs that are among the best. The checkpoint
    also has the training metrics of an unfinished epoch, if the net is a LitClassifier, and whether
    early stopping has decided to stop.

    Args:
        every_n_steps: Optimizer steps between two saves within an epoch. 0: do not save by steps.
        every_n_seconds: Seconds between two saves within an epoch. 0: do not save by time.

    Attributes:
        saved: Whether a checkpoint was saved since the run was started or resumed.
    """

    def __init__(self, every_n_steps: int = 0, every_n_seconds: float = 60.0) -> None:
        self.every_n_steps = every_n_steps
        self.every_n_seconds = every_n_seconds
        self.saved = False
        self._saved_at = monotonic()
        self._step = 0  # the last step after which a save was considered
        self._restored: dict[str, Any] | None = None

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        counts = {k: state.clone() for k, state in _metric_states(pl_module).items()}
        if trainer.world_size > 1:
            counts = {k: trainer.strategy.reduce(v, reduce_op="sum") for k, v in counts.items()}
        checkpoint["unfinished"] = {"counts": counts, "should_stop": bool(trainer.should_stop)}

    @override
    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn != "fit":
            return
        if unfinished := checkpoint.get("unfinished"):
            counts, states = unfinished["counts"], _metric_states(pl_module)
            if set(counts) != set(states):
                raise ValueError(
                    f"the metrics of its epoch are {sorted(counts)}, expected {sorted(states)}; "
                    "those of deepdigits 0.1 cannot be resumed"
                )
            for name, state in states.items():  # a wrong type or shape ends here, not in training
                state.clone().copy_(counts[name])
            self._restored = {"counts": counts, "should_stop": bool(unfinished["should_stop"])}
        for callback in _early_stopping(trainer):
            if state := checkpoint.get("callbacks", {}).get(callback.state_key):
                # Lightning would restore the patience of the former run.
                state["patience"] = callback.patience

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved_at, self._step = monotonic(), trainer.global_step
        if self._restored is None:
            return
        counts = self._restored["counts"]
        for name, state in _metric_states(pl_module).items():
            # The counts of all processes go to the first one: they are summed in the end.
            state.copy_(counts[name] if trainer.is_global_zero else counts[name] * 0)
        if isinstance(pl_module, LitClassifier) and counts["total"] > 0:
            mark_updated(pl_module.train_metrics)
        if self._restored["should_stop"] and not _more_patience(trainer):
            trainer.should_stop = True
        self._restored = None

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:
            return  # accumulated gradients are not saved: wait for the optimizer step
        self._step = trainer.global_step
        if self._due(trainer) and not validates_next(trainer, batch_idx):
            self.save(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The last checkpoint of a training gets its final name after all other files are written.
        # A run that is killed in between resumes from the epoch before, and writes them then.
        self.save(trainer, FINISHED if is_over(trainer) else LAST)

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        writer = trainer.strategy.checkpoint_io
        if isinstance(writer, AsyncCheckpointIO):
            writer.teardown()  # waits for the files
        path = checkpoint_folder(trainer) / FINISHED  # on all processes
        if not trainer.is_global_zero:
            return
        if path.is_file():
            path.replace(path.with_name(LAST))
        elif trainer.ckpt_path and not self.saved and not path.with_name(LAST).exists():
            # Resumed after its last epoch, from the best checkpoint: nothing was trained.
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_atomically(Path(trainer.ckpt_path), path.with_name(LAST))

    def save(self, trainer: Trainer, name: str = LAST) -> Path:
        """Save a checkpoint now, at the end of a batch or an epoch."""
        path = checkpoint_folder(trainer) / name
        trainer.save_checkpoint(path, False)  # with weights_only unset, Lightning logs it each time
        self._saved_at, self.saved = monotonic(), True
        return path

    def _due(self, trainer: Trainer) -> bool:
        by_steps = self.every_n_steps > 0 and trainer.global_step % self.every_n_steps == 0
        by_time = 0 < self.every_n_seconds <= monotonic() - self._saved_at
        if trainer.world_size > 1:  # each process has a clock of its own
            by_time = trainer.strategy.broadcast(by_time)
        return by_steps or by_time


def validates_next(trainer: Trainer, batch_idx: int) -> bool:
    """Whether this batch is the last before a validation, or of the epoch.

    From a checkpoint that is saved there, Lightning 2.6 resumes after the validation.
    """
    if trainer.is_last_batch:
        return True
    if batch_idx + 1 >= trainer.num_training_batches:
        return True
    every = trainer.val_check_batch
    return bool(every and trainer.enable_validation and (batch_idx + 1) % every == 0)


def is_over(trainer: Trainer) -> bool:
    """Whether the current epoch is the last one."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    return (
        trainer.should_stop
        or (epochs not in (None, -1) and trainer.current_epoch + 1 >= epochs)
        or (steps != -1 and trainer.global_step >= steps)
    )


def _metric_states(pl_module: LightningModule) -> dict[str, Tensor]:
    """The sums of the training metrics in this epoch, not copied; only LitClassifier has them."""
    if not isinstance(pl_module, LitClassifier):
        return {}
    return cast("dict[str, Tensor]", pl_module.train_metrics.metric_state)


def _more_patience(trainer: Trainer) -> bool:
    """Whether a run that had stopped early was resumed with more patience."""
    return any(callback.wait_count < callback.patience for callback in _early_stopping(trainer))


def _early_stopping(trainer: Trainer) -> list[Any]:
    found: list[Any] = trainer.early_stopping_callbacks
    return found
