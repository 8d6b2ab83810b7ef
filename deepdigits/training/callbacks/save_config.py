"""Save config.yaml atomically."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from deepdigits.core.files import write_text
from deepdigits.training.callbacks.run_folder import run_of


class AtomicSaveConfigCallback(SaveConfigCallback):
    """Write config.yaml whole or not at all, so that a run killed meanwhile can be resumed.

    Use it with ``save_to_log_dir=False``, which turns off Lightning's own way of writing.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.run = run_of(trainer)
        super().setup(trainer, pl_module, stage)

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the config; called on the first process."""
        if self.run is not None:
            self.run.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.run.config_file, self.parser.dump(self.config))
