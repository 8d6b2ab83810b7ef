"""AdamW and the schedule of its learning rate."""

import math
from collections.abc import Iterable

import torch
from lightning.pytorch.cli import ReduceLROnPlateau
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRSchedulerConfig
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def adamw(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019) that decays matrices and kernels only.

    Args:
        parameters: The parameters of a net; those without gradient are left out.
        lr: Highest learning rate.
        weight_decay: Decay of parameters with two dimensions or more: not of biases and norms.
    """
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in trained)
    return torch.optim.AdamW(groups, lr=lr, fused=fused)


def stepped(optimizer: Optimizer, scheduler: LRScheduler) -> OptimizerLRSchedulerConfig:
    """What `configure_optimizers` returns for a schedule that is stepped with each batch.

    ReduceLROnPlateau is stepped with each epoch, after the validation of its monitor.

    Raises:
        ValueError: It is torch's own ReduceLROnPlateau, which has no monitor.
    """
    if isinstance(scheduler, ReduceLROnPlateau):
        config = LRSchedulerConfigType(scheduler=scheduler, monitor=scheduler.monitor)
    elif isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ValueError("use lightning.pytorch.cli.ReduceLROnPlateau, which has a monitor")
    else:
        config = LRSchedulerConfigType(scheduler=scheduler, interval="step")
    return {"optimizer": optimizer, "lr_scheduler": config}


def one_cycle(progress: float, warmup: float) -> float:
    """Factor of the learning rate: a cosine from 1/25 to 1, then a cosine to 0.

    The one-cycle schedule of Smith and Topin (2018).

    Args:
        progress: Share of the training that is done, in [0, 1].
        warmup: Share of the training in which the factor rises, in [0, 1].

    >>> [round(one_cycle(p, warmup=0.5), 2) for p in (0, 0.25, 0.5, 0.75, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warmup)) / 2
    if warmup >= 1:
        return 1.0
    return (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup)))) / 2
