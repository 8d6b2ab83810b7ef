"""Checkpoint IO for the trainer: atomic saves, safe loads, one-line errors on resume."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from typing_extensions import override

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs.checkpoint import check_fits, load, save
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite
from deepdigits.training.lightning_compat import loaded_checkpoint, wrap_restore
from deepdigits.training.processes import from_first_process
from deepdigits.training.restored_state import check_optimizers, check_progress
from deepdigits.training.stored_settings import stored

RESTORE_ERRORS = (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write each checkpoint whole or not at all; load only data, and only weights that fit the net.

    The settings of a net are stored as plain values, see `stored`.

    The first process reads a checkpoint for all: other nodes may have disks of their own.

    Lightning 2.6 writes to the system's temporary folder and moves the file from there. On another
    file system that move is a copy, which can be interrupted. It also ignores missing permissions,
    and does not force the file onto the disk.

    Args:
        module: The module into which checkpoints are loaded.
        on_change: Called after a checkpoint was saved, and, with its path, before one is removed.
    """

    def __init__(
        self, module: LightningModule, on_change: Callable[..., None] | None = None
    ) -> None:
        super().__init__()
        self.module = module
        self._on_change = on_change

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        for callback in self.module.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, StopOnNonFinite):  # its hook is not called for weights alone
                callback.check(self.module.trainer)
        save(with_plain_settings(checkpoint), Path(path))
        if self._on_change is not None:
            self._on_change()

    @override
    def remove_checkpoint(self, path: Any) -> None:
        if self._on_change is not None:
            self._on_change(str(path))
        super().remove_checkpoint(path)

    @override
    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        # Always as with weights_only=True, whatever the trainer passes.
        content = from_first_process(lambda: load(Path(path)))
        if self.module.strict_loading:
            check_fits(content["state_dict"], self.module, Path(path))
        return content


def with_plain_settings(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the arguments of net and data module as plain values."""
    content = dict(checkpoint)
    for owner in (LightningModule, LightningDataModule):
        content.pop(owner.CHECKPOINT_HYPER_PARAMS_TYPE, None)  # the class of OmegaConf settings
        name = owner.CHECKPOINT_HYPER_PARAMS_KEY
        if content.get(name) is not None:
            content[name] = stored(content[name])
    return content


def wrap_restore_errors(trainer: Trainer) -> None:
    """Turn restore failures into an InputError of one line that names the checkpoint.

    For example for a checkpoint without optimizer states, of another optimizer, or of an old
    version of Lightning: Lightning 2.6 and the callbacks raise a KeyError or the like.
    """

    def wrap(restore: Callable[..., None]) -> Callable[..., None]:
        @wraps(restore)
        def restore_or_explain(*args: Any, **kwargs: Any) -> None:
            try:
                if restore.__name__ == "restore_training_state":
                    check_progress(trainer, loaded_checkpoint(trainer))
                    check_optimizers(trainer, loaded_checkpoint(trainer))
                restore(*args, **kwargs)
            except RESTORE_ERRORS as error:
                reason = f"{type(error).__name__}: {one_line(error, 160)}"
                raise InputError(
                    f"checkpoint {trainer.ckpt_path} does not fit this run ({reason}): choose "
                    "another checkpoint, or start a new training"
                ) from error

        return restore_or_explain

    wrap_restore(trainer, wrap)
