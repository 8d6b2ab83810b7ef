"""Compile a net for training, before the training starts."""

from typing import Literal

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import nn

from deepdigits.training.batch_checks import example_images

Compile = bool | Literal["reduce-overhead"]
_PASSES = 3  # the first compiles; "reduce-overhead" records its CUDA graphs in the second


def compile_in_place(net: nn.Module, mode: Compile) -> None:
    """Let a net be compiled in its first call; torch.compile would wrap it and rename its weights.

    Args:
        net: The net.
        mode: True, or a mode of torch.compile.
    """
    if isinstance(mode, str):
        net.compile(mode=mode)
    else:
        net.compile()


def warm_up(module: LightningModule, net: nn.Module) -> None:
    """Compile a net, forward and backward, for batches of black images of the training's size.

    Weights, buffers, gradients and random generators stay as they are. Without a ``batch_size`` of
    the data module, the first training step compiles the net.
    """
    images = example_images(module, net)
    size = getattr(module.trainer.datamodule, "batch_size", None)  # type: ignore[attr-defined]
    trained = [p for p in net.parameters() if p.requires_grad]
    if images is None or type(size) is not int or not trained:
        return
    batch = torch.zeros(size, *images.shape[1:], dtype=images.dtype, device=images.device)
    labels = torch.zeros(size, dtype=torch.int64, device=batch.device)
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers()]
    gpus = [batch.device] if batch.is_cuda else []
    precision = module.trainer.precision_plugin
    with torch.random.fork_rng(gpus), torch.enable_grad(), precision.train_step_context():
        for _ in range(_PASSES):
            loss = F.cross_entropy(net(batch), labels)
            torch.autograd.grad(loss, trained, allow_unused=True)  # no hooks of DDP, no .grad
    for buffer, before in buffers:
        buffer.copy_(before)
