"""The config.yaml of a run, whole."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback


class AtomicSaveConfigCallback(SaveConfigCallback):
    """Writes config.yaml whole or not at all: a run that is killed meanwhile can go on.

    To be used with ``config_filename`` ``config.part``, which is what Lightning writes.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for the folder on all processes, as each must answer, then write on the first."""
        self.folder = trainer.log_dir
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put what Lightning has just written into place."""
        part = Path(str(self.folder), self.config_filename)
        part.replace(part.with_suffix(".yaml"))
