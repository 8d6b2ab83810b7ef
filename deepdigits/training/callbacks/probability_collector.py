"""What a net said of each image of an evaluation, from all processes, in the order of the split."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor


class ProbabilityCollector:
    """Collects the class probabilities of an evaluation, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []

    def add(self, logits: Tensor) -> None:
        """Take the logits (B, C) of a batch."""
        self.add_probabilities(logits.detach().float().softmax(dim=1))

    def add_probabilities(self, probabilities: Tensor) -> None:
        """Take the class probabilities (B, C) of a batch."""
        self._parts.append(probabilities.float())

    def take(self, trainer: Trainer) -> Tensor:
        """All probabilities (N, C) on the CPU, and forget them; to be called on all processes.

        Samples are dealt out to the processes in turn (see IndexSampler): each process fills its
        rows of the whole, and the sum over the processes is the whole.
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
