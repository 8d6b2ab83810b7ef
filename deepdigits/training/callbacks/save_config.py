"""Save config.yaml atomically."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from deepdigits.core.console import say
from deepdigits.core.files import write_text
from deepdigits.training.callbacks.run_folder import run_of


class AtomicSaveConfigCallback(SaveConfigCallback):
    """Write config.yaml whole or not at all, so that a run killed meanwhile can be resumed.

    Use it with ``save_to_log_dir=False``, which turns off Lightning's own way of writing.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.run = run_of(trainer)
        # A resumed run has a config, and a checkpoint that is refused does not change it.
        self.waits = self.run is not None and self.run.config_file.exists()
        if not self.waits:
            super().setup(trainer, pl_module, stage)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save_late(trainer, pl_module)

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.waits and trainer.is_global_zero:
            say(
                f"note: nothing was left to train after {trainer.current_epoch} epochs and "
                f"{trainer.global_step} steps; to go on, raise --trainer.max_epochs or "
                "--trainer.max_steps",
                error=True,
            )
        self._save_late(trainer, pl_module)

    def _save_late(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.waits and trainer.is_global_zero:
            self.save_config(trainer, pl_module, "fit")
        self.waits = False

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the config; called on the first process."""
        if self.run is not None:
            self.run.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.run.config_file, self.parser.dump(self.config))
