"""Compile a net for training, before the training starts."""

from typing import Literal

from lightning.pytorch import LightningModule
from torch import nn

from deepdigits.core.errors import OneLine
from deepdigits.training.dry_steps import dry_steps

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
    """Compile a net, forward and backward, for batches of the training's size.

    Without a ``batch_size`` of the data module, the first training step compiles the net.
    """
    data = module.trainer.datamodule  # type: ignore[attr-defined]
    context = module.trainer.precision_plugin.train_step_context()
    try:
        with dry_steps(module, net, data, context) as step:
            if step is not None:
                for _ in range(_PASSES):
                    step()
    except OneLine:
        raise
    except Exception:  # it comes again in the first step of the training, which explains it
        return
