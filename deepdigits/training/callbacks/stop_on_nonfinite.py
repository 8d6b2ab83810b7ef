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
from deepdigits.training.callbacks.nonfinite_flag import NonFiniteFlag, Step, can_stay_on_gpu
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.lightning_compat import mark_nonfinite, skip_flagged_steps


class StopOnNonFinite(Callback):
    """Stop the training before a loss or gradient that is not finite changes the weights.

    On a CPU the check is at each step. A GPU is not waited for: with an optimizer that has
    ``fused=True``, such as ours, the GPU leaves out the first bad step and all after it. The host
    reads this every `log_every_n_steps` steps, at the end of an epoch and before each checkpoint,
    and then stops. With other optimizers it waits for the GPU once a step.

    Lightning's EarlyStopping checks only the monitored metric, once an epoch; by then the weights
    are nan.
    """

    def __init__(self) -> None:
        self._loss: Tensor | None = None
        self._batch = 0  # number of the batch in the epoch, from 1
        self._run: Run | None = None
        self._on_gpu: NonFiniteFlag | None = None
        self._failure: str | None = None  # a bad step was found

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
        # checked together with the gradients.
        if loss.device.type == "cpu":
            self._check_loss(self._step(trainer))

    @override
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        scales = getattr(trainer.precision_plugin, "scaler", None) is not None
        if scales:
            gradients = []  # float16 gradients overflow now and then; the scaler skips such steps
        else:
            gradients = [
                p.grad
                for group in optimizer.param_groups
                for p in group["params"]
                if p.grad is not None
            ]
        # A step without a loss: the batch was skipped, or `backward` was called by hand.
        tensors = [*([] if self._loss is None else [self._loss]), *gradients]
        if tensors and can_stay_on_gpu(tensors, optimizer):
            self._on_gpu = self._on_gpu or NonFiniteFlag(tensors[0].device)
            self._on_gpu.add(self._step(trainer), tensors)
            if not scales:
                skip_flagged_steps(optimizer, self._on_gpu.flag)
            return
        if not any_not_finite(tensors):
            return
        step = self._step(trainer)
        self._check_loss(step)
        names = (
            name
            for name, p in pl_module.named_parameters()
            if p.grad is not None and any_not_finite([p.grad])
        )
        what = next(names, "a parameter of the optimizer")
        raise RunFailed(self._message(step, f"the gradient of {what} is not finite"))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        period: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self._on_gpu is not None and period and trainer.global_step % period == 0:
            self.check(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.check(trainer)

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.check(trainer)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._on_gpu = self._failure = None
        for optimizer in trainer.optimizers:
            skip_flagged_steps(optimizer, None)

    def check(self, trainer: Trainer) -> None:
        """Wait for the GPU, and stop if it has found a bad step; on a CPU there is none to find.

        Raises:
            RunFailed: A loss or a gradient was not finite.
        """
        if self._failure is None and self._on_gpu is not None:
            step = self._on_gpu.first_flagged()
            if step is None:
                return
            self._failure = self._message(step, _cause(step) or "a gradient is not finite")
        if self._failure is not None:
            raise RunFailed(self._failure)

    def _step(self, trainer: Trainer) -> Step:
        return Step(trainer.global_step + 1, trainer.current_epoch + 1, self._batch, self._loss)

    def _check_loss(self, step: Step) -> None:
        if (cause := _cause(step)) is not None:
            raise RunFailed(self._message(step, cause))

    def _message(self, step: Step, cause: str) -> str:
        saved = self._run is not None and self._run.found_checkpoint is not None
        checkpoints = "earlier checkpoints are kept" if saved else "there is no checkpoint yet"
        return (
            f"{cause} at step {step.number} (epoch {step.epoch}, batch {step.batch}); stopped "
            f"before the weights changed, {checkpoints}: try a smaller --model.lr or "
            "--trainer.gradient_clip_val 1"
        )


def _cause(step: Step) -> str | None:
    """That the loss is not finite; None if it is."""
    loss = step.loss
    if loss is None:
        return None
    if loss.numel() == 1:  # in each step: ten times as fast as the check of any tensor
        value = loss.item()
        return None if math.isfinite(value) else f"the loss is {value}"
    return "the loss is not finite" if any_not_finite([loss]) else None


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
        flag = torch.zeros((), device=tensors[0].device)
        mark_nonfinite(flag, tensors)
        return bool(flag.item())
    return not all(bool(tensor.isfinite().all()) for tensor in tensors)
