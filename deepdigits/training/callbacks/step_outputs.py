"""What the steps of any LightningModule return, and what its batches hold.

A module may override its steps: they return a tensor, a mapping or nothing.
"""

from collections.abc import Iterable, Mapping, Sized
from dataclasses import fields, is_dataclass
from typing import Any, SupportsFloat

from torch import Tensor


def loss_of(outputs: Any) -> float | None:
    """The loss that a training step has returned; None if it has returned none.

    Args:
        outputs: What Lightning hands to ``on_train_batch_end``.

    >>> import torch
    >>> loss_of({"loss": torch.tensor(0.5), "logits": torch.zeros(2, 3)}), loss_of(None)
    (0.5, None)
    """
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if isinstance(loss, Tensor) and loss.numel() != 1:
        return None
    return float(loss) if isinstance(loss, SupportsFloat) else None


def scores_of(outputs: Any) -> Tensor | None:
    """The logits or probabilities (B, C) that a step has returned; None if it has returned none.

    >>> import torch
    >>> scores_of(torch.zeros(2, 3)).shape, scores_of(torch.tensor(0.5)), scores_of({"loss": 1})
    (torch.Size([2, 3]), None, None)
    """
    if isinstance(outputs, Tensor) and outputs.ndim == 2 and outputs.is_floating_point():
        return outputs.detach().float()
    return None


def num_samples(batch: Any) -> int:
    """Number of samples in a batch: the length of the first array or list in it; 1 without any.

    >>> import torch
    >>> num_samples((torch.zeros(5, 1, 28, 28), torch.zeros(5)))
    5
    >>> num_samples({"x": [torch.ones(3)]})
    3
    """
    return _length(batch) or 1


def _length(batch: Any) -> int | None:
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else None
    if isinstance(batch, Mapping):
        return _first_length(batch.values())
    if isinstance(batch, list | tuple):
        inner = _first_length(batch)
        return len(batch) if inner is None and isinstance(batch, list) else inner
    if is_dataclass(batch):
        return _first_length(getattr(batch, field.name) for field in fields(batch))
    return len(batch) if isinstance(batch, Sized) and not isinstance(batch, str | bytes) else None


def _first_length(parts: Iterable[Any]) -> int | None:
    return next((n for part in parts if (n := _length(part)) is not None), None)
