"""AdamW and the schedule of its learning rate."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from lightning.pytorch.cli import ReduceLROnPlateau
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def adamw(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019) that decays matrices and kernels only.

    On a GPU the learning rate and the count of steps are tensors there, so that a step neither
    waits for the device nor copies to it, and can be captured in a CUDA graph.

    Args:
        parameters: The parameters of a net; those without gradient are left out.
        lr: Highest learning rate.
        weight_decay: Decay of parameters with two dimensions or more: not of biases and norms.
    """
    trained = [p for p in parameters if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    devices = {p.device.type for p in trained}
    on_gpu = devices == {"cuda"}
    if on_gpu:
        for group in groups:  # the schedule multiplies the number, and then fills the tensor
            group |= {"lr": _on_device(lr, trained[0].device), "initial_lr": lr}
    fused = devices <= {"cpu", "cuda"}
    optimizer = torch.optim.AdamW(groups, lr=lr, fused=fused, capturable=on_gpu)
    optimizer.register_load_state_dict_post_hook(_keep_device)
    return optimizer


def _keep_device(optimizer: Optimizer) -> None:
    """Restore the settings that depend on the device, after a checkpoint of another one."""
    fused, capturable = optimizer.defaults["fused"], optimizer.defaults["capturable"]
    for group in optimizer.param_groups:
        lr = float(group["lr"])
        on_gpu = capturable and group["params"]
        group["lr"] = _on_device(lr, group["params"][0].device) if on_gpu else lr
        group |= {"fused": fused, "capturable": capturable}
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if "step" in state and (fused or capturable):
                state["step"] = torch.as_tensor(state["step"]).to(parameter.device, torch.float32)


def _on_device(value: float, device: torch.device) -> Tensor:
    return torch.tensor(value, dtype=torch.float32, device=device)


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
