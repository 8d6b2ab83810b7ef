"""Stop a training when its loss or a gradient is nan or infinite."""

import math
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from deepdigits.core.errors import RunFailed
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.lightning_compat import nonfinite_flag


class StopOnNonFinite(Callback):
    """Stop the training before a loss or gradient that is not finite changes the weights.

    Lightning's EarlyStopping checks only the monitored metric, once an epoch; by then the weights
    are nan.
    """

    def __init__(self) -> None:
        self._loss: Tensor | None = None
        self._batch = 0  # number of the batch in the epoch, from 1
        self._run: Run | None = None

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run = run_of(trainer)  # here: a single process may find the loss that is not finite

    @override
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch, self._loss = batch_idx + 1, None

    @override
    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        self._loss = loss.detach()
        # On a CPU the check is free. On a GPU it would wait for the device: there the loss is
        # checked together with the gradients, once a step.
        if loss.device.type == "cpu":
            self._check_loss(trainer)

    @override
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            gradients = []  # float16 gradients overflow now and then; the scaler skips such steps
        else:
            gradients = [
                p.grad
                for group in optimizer.param_groups
                for p in group["params"]
                if p.grad is not None
            ]
        # A step without a loss: the batch was skipped, or `backward` was called by hand.
        loss = [] if self._loss is None else [self._loss]
        if not any_not_finite([*loss, *gradients]):
            return
        self._check_loss(trainer)
        names = (
            name
            for name, p in pl_module.named_parameters()
            if p.grad is not None and any_not_finite([p.grad])
        )
        what = next(names, "a parameter of the optimizer")
        raise RunFailed(self._message(trainer, f"the gradient of {what} is not finite"))

    def _check_loss(self, trainer: Trainer) -> None:
        if self._loss is None:
            return
        if self._loss.numel() == 1:  # in each step: ten times as fast as the check of any tensor
            value = self._loss.item()
            if not math.isfinite(value):
                raise RunFailed(self._message(trainer, f"the loss is {value}"))
        elif any_not_finite([self._loss]):
            raise RunFailed(self._message(trainer, "the loss is not finite"))

    def _message(self, trainer: Trainer, cause: str) -> str:
        epoch, step = trainer.current_epoch + 1, trainer.global_step + 1
        saved = self._run is not None and self._run.found_checkpoint is not None
        checkpoints = "earlier checkpoints are kept" if saved else "there is no checkpoint yet"
        return (
            f"{cause} at step {step} (epoch {epoch}, batch {self._batch}); stopped before the "
            f"weights changed, {checkpoints}: try a smaller --model.lr or "
            "--trainer.gradient_clip_val 1"
        )


def any_not_finite(tensors: list[Tensor]) -> bool:
    """Whether any value of some tensors is nan or infinite.

    >>> any_not_finite([torch.ones(3), torch.tensor([1.0, torch.nan])])
    True
    """
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for tensor in tensors:
        values = tensor.coalesce().values() if tensor.is_sparse else tensor
        groups.setdefault((values.device, values.dtype), []).append(values)
    return any(_any_not_finite(group) for group in groups.values())


def _any_not_finite(tensors: list[Tensor]) -> bool:
    """As `any_not_finite`, for tensors on one device and of one type."""
    if tensors[0].device.type in ("cpu", "cuda") and tensors[0].is_floating_point():
        return bool(nonfinite_flag(tensors).item())
    return not all(bool(tensor.isfinite().all()) for tensor in tensors)
