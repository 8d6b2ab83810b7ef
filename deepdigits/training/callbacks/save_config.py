"""Save config.yaml atomically."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override


class AtomicSaveConfigCallback(SaveConfigCallback):
    """Write config.yaml whole or not at all, so that a run killed meanwhile can be resumed.

    Use it with ``config_filename="config.part"``, the file that Lightning writes first.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # log_dir is read on all processes: the first one broadcasts it, and the others wait.
        self.folder = trainer.log_dir
        super().setup(trainer, pl_module, stage)

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Called on the first process, after Lightning has written the part file.
        part = Path(str(self.folder), self.config_filename)
        part.replace(part.with_suffix(".yaml"))
