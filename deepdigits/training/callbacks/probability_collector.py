"""Gather class probabilities from all processes, in the order of the split."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor


class ProbabilityCollector:
    """Collects the class probabilities of an evaluation, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []

    def add(self, logits: Tensor) -> None:
        """Add the logits (B, C) of a batch."""
        self.add_probabilities(logits.detach().float().softmax(dim=1))

    def add_probabilities(self, probabilities: Tensor) -> None:
        """Add the class probabilities (B, C) of a batch."""
        self._parts.append(probabilities.float())

    def take(self, trainer: Trainer) -> Tensor:
        """Return all probabilities (N, C) on the CPU and start again; call it on all processes.

        The processes get the samples in turn (see IndexSampler): each process fills its rows of a
        tensor of zeros, and the sum over the processes has all rows.
        """
        own = torch.cat(self._parts)
        self._parts.clear()
        if trainer.world_size == 1:
            return own.cpu()
        count = own.new_tensor(float(len(own)))
        total = int(trainer.strategy.reduce(count, reduce_op="sum"))
        whole = own.new_zeros(total, own.shape[1])
        whole[trainer.global_rank :: trainer.world_size] = own
        summed: Tensor = trainer.strategy.reduce(whole, reduce_op="sum")
        return summed.cpu()
