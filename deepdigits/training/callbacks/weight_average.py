"""Average the weights of a training without waiting for the GPU."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning
from typing_extensions import override

from deepdigits.training.lightning_compat import average_without_waiting


class EMAWeightAveraging(lightning.EMAWeightAveraging):
    """Averages the weights without waiting for a GPU, which Lightning's own does twice a step.

    On a CPU it is Lightning's own. The name is that in checkpoints.
    """

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_fit_start(trainer, pl_module)
        if trainer.strategy.root_device.type == "cuda":
            average_without_waiting(self)
