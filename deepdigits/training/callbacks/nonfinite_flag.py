"""Check losses and gradients on a GPU, without waiting for it in a step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from deepdigits.training.lightning_compat import mark_nonfinite, skips_flagged_steps


class Step(NamedTuple):
    """An optimizer step, as a message names it.

    Attributes:
        number: Number of the step in the training, from 1.
        epoch: Number of the epoch, from 1.
        batch: Number of the batch in the epoch, from 1.
        loss: The loss of the batch; None: not known.
    """

    number: int
    epoch: int
    batch: int
    loss: Tensor | None


class NonFiniteFlag:
    """A flag on the device: 1 from the first step on whose loss or gradients are not finite.

    Args:
        device: The device of losses and gradients.

    Attributes:
        flag: The flag, a float32 scalar.
    """

    def __init__(self, device: torch.device) -> None:
        self.flag = torch.zeros((), device=device)
        self._flagged = torch.zeros((), device=device)  # steps with the flag
        self._unread: list[Step] = []

    def add(self, step: Step, tensors: Sequence[Tensor]) -> None:
        """Check the loss and the gradients of a step, on the device."""
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor)
        for group in by_type.values():
            mark_nonfinite(self.flag, group)
        self._flagged += self.flag
        self._unread.append(step)

    def first_flagged(self) -> Step | None:
        """Wait for the device: the first step with the flag since the last call; None: none."""
        steps, self._unread = self._unread, []
        flagged = int(self._flagged.item()) if steps else 0
        return steps[-flagged] if flagged else None


def can_stay_on_gpu(tensors: Sequence[Tensor], optimizer: Optimizer) -> bool:
    """Whether a GPU can check tensors, and leave out the step of an optimizer, by itself."""
    return (
        skips_flagged_steps(optimizer)
        and tensors[0].device.type == "cuda"
        and all(
            t.device == tensors[0].device and t.is_floating_point() and not t.is_sparse
            for t in tensors
        )
    )
