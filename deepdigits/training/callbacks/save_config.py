"""Save config.yaml atomically."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from deepdigits.core.files import write_text


class AtomicSaveConfigCallback(SaveConfigCallback):
    """Write config.yaml whole or not at all, so that a run killed meanwhile can be resumed.

    Use it with ``save_to_log_dir=False``, which turns off Lightning's own way of writing.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # log_dir is read on all processes: the first one broadcasts it, and the others wait.
        self.folder = trainer.log_dir
        super().setup(trainer, pl_module, stage)

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the config; called on the first process."""
        path = Path(str(self.folder), self.config_filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.parser.dump(self.config))
