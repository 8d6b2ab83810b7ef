"""Gather class probabilities from all processes, in the order of the split."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from deepdigits.training.callbacks.step_outputs import scores_of


class ProbabilityCollector:
    """Collects the class probabilities of an evaluation, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._is_whole = True  # whether each batch has had probabilities

    def add(self, logits: Any) -> None:
        """Add the logits (B, C) of a batch; anything else counts as a batch without."""
        scores = scores_of(logits)
        self._add(None if scores is None else scores.softmax(dim=1))

    def add_probabilities(self, probabilities: Any) -> None:
        """Add the class probabilities (B, C) of a batch; anything else as a batch without."""
        self._add(scores_of(probabilities))

    def take(self, trainer: Trainer) -> Tensor | None:
        """Return all probabilities (N, C) on the CPU and start again; call it on all processes.

        The processes get the samples in turn (see IndexSampler): each process fills its rows of a
        tensor of zeros, and the sum over the processes has all rows.

        Returns:
            None if a batch has no probabilities, or the processes got the samples otherwise.
        """
        parts, is_whole = self._parts, self._is_whole
        self._parts, self._is_whole = [], True
        is_whole = is_whole and len({part.shape[1] for part in parts}) == 1
        if trainer.world_size == 1:
            return torch.cat(parts).cpu() if is_whole else None
        return _gathered(torch.cat(parts) if is_whole else None, trainer)

    def _add(self, scores: Tensor | None) -> None:
        if scores is None:
            self._is_whole = False
            self._parts.clear()  # those of the other batches are of no use
        elif self._is_whole:
            self._parts.append(scores)


def _gathered(own: Tensor | None, trainer: Trainer) -> Tensor | None:
    """The rows of all processes; None if one of them has none."""
    agree, reduce = trainer.strategy.reduce_boolean_decision, trainer.strategy.reduce
    if not agree(own is not None, all=True) or own is None:
        return None
    total = int(reduce(own.new_tensor(float(len(own))), reduce_op="sum"))
    mine = slice(trainer.global_rank, total, trainer.world_size)
    if not agree(len(own) == len(range(total)[mine]), all=True):
        return None
    whole = own.new_zeros(total, own.shape[1])
    whole[mine] = own
    summed: Tensor = reduce(whole, reduce_op="sum")
    return summed.cpu()
