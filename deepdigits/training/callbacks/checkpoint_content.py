"""Refuse a training whose checkpoints could not be read back, before its first step."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import AsyncCheckpointIO
from typing_extensions import override

from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint import refused_content
from deepdigits.training.checkpoint_io import AtomicCheckpointIO, with_plain_settings
from deepdigits.training.lightning_compat import checkpoint_content

_CHECKED_LATER = ("state_dict", "optimizer_states")  # large, and tensors in nearly all cases


class CheckCheckpointContent(Callback):
    """Checks what net, data module and callbacks add to a checkpoint, before the first epoch.

    The net and the callbacks have had their ``on_train_start`` then, and no file is recorded yet.
    """

    def __init__(self) -> None:
        self._checked = False

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._checked:
            return
        self._checked = True
        writer = trainer.strategy.checkpoint_io
        if not isinstance(writer, AtomicCheckpointIO | AsyncCheckpointIO):
            return  # that of a user may store any object; an asynchronous one writes with ours
        try:
            content = checkpoint_content(trainer)
        except Exception:  # a hook of the user that needs what the first epoch leaves
            return
        added = {key: value for key, value in content.items() if key not in _CHECKED_LATER}
        if (line := refused_content(with_plain_settings(added))) is not None:
            raise InputError(f"the checkpoints of this training cannot be saved: {line}")
