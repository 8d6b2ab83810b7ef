"""How Lightning reads and writes checkpoints of ours."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule

from deepdigits.checkpoint import check_fits, load, save


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
        """See :func:`deepdigits.checkpoint.save`."""
        save(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """See :func:`deepdigits.checkpoint.load`; always with weights only."""
        content = load(Path(path))
        if self.module.strict_loading:
            check_fits(content["state_dict"], self.module, Path(path))
        return content
