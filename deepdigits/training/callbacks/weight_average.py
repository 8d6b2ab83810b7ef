"""Average the weights of a training without waiting for the GPU."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning
from typing_extensions import override

from deepdigits.training.lightning_compat import average_without_waiting, untrained_averages


class EMAWeightAveraging(lightning.EMAWeightAveraging):
    """Averages the weights without waiting for a GPU, which Lightning's own does twice a step.

    What is not trained keeps its bytes: ``d * x + (1 - d) * x`` is not always x. Otherwise it is on
    a CPU Lightning's own. The name is that in checkpoints.
    """

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_fit_start(trainer, pl_module)
        if trainer.strategy.root_device.type == "cuda":
            average_without_waiting(self)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        found = untrained_averages(self, pl_module)
        self._untrained = [(tensor, tensor.clone()) for tensor in found]

    @override
    def on_train_batch_end(self, trainer: Trainer, *others: Any) -> None:
        super().on_train_batch_end(trainer, *others)
        with torch.no_grad():
            for tensor, value in self._untrained:
                tensor.copy_(value)
