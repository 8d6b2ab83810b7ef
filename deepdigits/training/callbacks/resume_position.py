"""Resume a training at the right image and learning rate when its batches have another size."""

from dataclasses import asdict, fields
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.data.batches import Batches
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.length import Pace, schedule_shift
from deepdigits.training.lightning_compat import begin_next_epoch, count_batches_anew

KEY = "pace"
_SHIFT = "schedule_shift"


class ResumePosition(Callback):
    """Continue where a run was stopped, if it is resumed with batches or steps of another size.

    The loader goes on after the last image that was trained on. Lightning 2.6 counts batches: with
    another batch size, number of processes or limit of batches the epoch would end elsewhere. The
    learning rate follows the steps: with others it would not have fallen to 0 at the end.

    Checkpoints of earlier versions are resumed as by those. With the same settings nothing changes,
    but for ``max_steps``: Lightning would end an epoch again that had ended before the stop.
    """

    def __init__(self) -> None:
        self._saved: tuple[Pace, int] | None = None

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        loader = _loader(trainer)
        if loader is not None and isinstance(pl_module, LitClassifier):
            shift = {_SHIFT: pl_module.schedule_shift}
            checkpoint[KEY] = asdict(_pace(trainer, loader)) | shift

    @override
    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn == "fit" and KEY in checkpoint:
            self._saved = _checked(checkpoint[KEY])

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        begin_next_epoch(trainer)
        saved, self._saved = self._saved, None
        loader = _loader(trainer)
        if loader is None or not isinstance(pl_module, LitClassifier):
            return
        pl_module.schedule_shift = saved[1] if saved else 0
        pace = _pace(trainer, loader)
        if saved is None or saved[0] == pace:
            return
        epochs, batch = trainer.current_epoch, None
        if trainer.fit_loop.restarted_mid_epoch:
            batch = _next_batch(loader, epochs, pace)
        count_batches_anew(trainer, epochs, batch)
        pl_module.schedule_shift = schedule_shift(trainer, pace, epochs, batch or 0)


def _loader(trainer: Trainer) -> Batches | None:
    """The loader of a training; None if it is not one of this package, or not yet made."""
    loader = trainer.train_dataloader
    return loader if isinstance(loader, Batches) else None


def _pace(trainer: Trainer, loader: Batches) -> Pace:
    batches = int(trainer.num_training_batches)
    return Pace(loader.sampler.global_batch_size, batches, trainer.accumulate_grad_batches)


def _next_batch(loader: Batches, epoch: int, pace: Pace) -> int:
    """The batch with which the loader goes on; at the end of the epoch it has no more batches."""
    state = loader.state_dict()
    batch = min(state["position"] if state["epoch"] == epoch else 0, pace.batches)
    if batch == pace.batches:
        loader.load_state_dict(state | {"images": loader.sampler.num_samples})
    return batch


def _checked(saved: Any) -> tuple[Pace, int]:
    """The pace in a checkpoint, and the shift of the schedule.

    Raises:
        ValueError: They are not whole numbers, or out of range.
    """
    keys = [*(field.name for field in fields(Pace)), _SHIFT]
    found = [saved.get(key) for key in keys] if isinstance(saved, dict) else []
    values = [value for value in found if type(value) is int and abs(value) < 2**63]
    if len(values) != len(keys):
        raise ValueError(f"its {KEY}: expected whole numbers {', '.join(keys)}, got {saved!r:.50}")
    return Pace(*values[:-1]), values[-1]
