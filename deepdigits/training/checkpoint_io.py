"""How Lightning reads and writes checkpoints of ours."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs.checkpoint import check_fits, load, save

RESTORE_ERRORS = (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Saves whole or not at all, and loads only data, and only what fits the net.

    Lightning 2.6 writes to the system's temporary folder and moves from there, which is a copy
    where that is another file system, swallows a lack of permission, and syncs nothing.

    Args:
        module: What checkpoints are loaded into.
    """

    def __init__(self, module: LightningModule) -> None:
        super().__init__()
        self.module = module

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """See :func:`deepdigits.runs.checkpoint.save`."""
        save(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """See :func:`deepdigits.runs.checkpoint.load`; always with weights only."""
        content = load(Path(path))
        if self.module.strict_loading:
            check_fits(content["state_dict"], self.module, Path(path))
        return content


def wrap_restore_errors(trainer: Trainer) -> None:
    """Make a checkpoint that a trainer cannot go on from one line that names it.

    Such as one of weights only, of another optimizer, or of a Lightning of long ago: what Lightning
    2.6 and the callbacks then raise is a KeyError of some inner part.
    """
    connector = trainer._checkpoint_connector
    for name in ("_restore_modules_and_callbacks", "restore_training_state"):
        setattr(connector, name, _naming(getattr(connector, name), trainer))


def _naming(restore: Callable[..., None], trainer: Trainer) -> Callable[..., None]:
    @wraps(restore)
    def named(*args: Any, **settings: Any) -> None:
        try:
            restore(*args, **settings)
        except RESTORE_ERRORS as error:
            what = f"{type(error).__name__}: {one_line(error, 160)}"
            raise InputError(
                f"checkpoint {trainer.ckpt_path} does not fit this run ({what}): name another, or "
                "train anew"
            ) from error

    return named
