"""Forward and backward passes of a net that leave no trace, to compile it or to measure it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import nn

from deepdigits.training.batch_checks import example_images
from deepdigits.training.callbacks.rng_state import random_state, set_random_state


class Step(Protocol):
    """A forward and a backward pass."""

    def __call__(self, images: int | None = None) -> None:
        """Make the pass on a number of images. None: as many as a batch has."""


@contextmanager
def dry_steps(
    module: LightningModule,
    net: nn.Module,
    data: Any,
    precision: AbstractContextManager[Any],
) -> Iterator[Step | None]:
    """Yield a function that makes one pass on black images, as many as a training batch has.

    Weights, buffers, gradients and the generators of torch, numpy and Python stay as they are.

    Args:
        module: The module.
        net: The net in it.
        data: The data module.
        precision: The context of a training step.

    Yields:
        The function; None if the size of the batches is not known, or the net is not trained.
    """
    images, size = example_images(module, net, data), getattr(data, "batch_size", None)
    trained = [p for p in module.parameters() if p.requires_grad]
    if images is None or type(size) is not int or not trained:
        yield None
        return
    batch = torch.zeros(size, *images.shape[1:], dtype=images.dtype, device=images.device)
    labels = torch.zeros(size, dtype=torch.int64, device=batch.device)

    def step(images: int | None = None) -> None:
        loss = F.cross_entropy(module(batch[:images]), labels[:images])
        torch.autograd.grad(loss, trained, allow_unused=True)  # no hooks of DDP, no .grad

    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    before_all = random_state()
    try:
        with torch.enable_grad(), precision:
            yield step
    finally:
        set_random_state(before_all)
        for buffer, before in buffers:
            buffer.copy_(before)
