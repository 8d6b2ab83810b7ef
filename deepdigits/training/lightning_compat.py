"""All uses of private APIs of Lightning, torch and torchmetrics, each with its reason.

Read in lightning 2.6.6, torch 2.14.1 and torchmetrics 1.9.0. For each of them
tests/training/test_lightning_compat.py fails if the private name is gone or behaves differently.
The same tests check that no other module uses a private name of another package.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial, reduce
from itertools import chain
from operator import or_
from typing import Any, Union, get_args, get_origin

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel
from torchmetrics import Metric

Restore = Callable[..., None]


def wrap_restore(trainer: Trainer, wrap: Callable[[Restore], Restore]) -> None:
    """Wrap the two methods with which a trainer restores a checkpoint.

    ``Trainer._checkpoint_connector`` of lightning 2.6.6; no hook encloses the restore step.
    """
    connector = trainer._checkpoint_connector
    for name in ("_restore_modules_and_callbacks", "restore_training_state"):
        setattr(connector, name, wrap(getattr(connector, name)))


def loaded_checkpoint(trainer: Trainer) -> dict[str, Any]:
    """Content of the checkpoint that a trainer is restoring; empty if it restores none.

    ``_CheckpointConnector._loaded_checkpoint`` of lightning 2.6.6; hooks get it before the
    optimizers exist.
    """
    return trainer._checkpoint_connector._loaded_checkpoint


def checkpoint_content(trainer: Trainer) -> dict[str, Any]:
    """What a trainer would save in a checkpoint now; call it on all processes.

    ``_CheckpointConnector.dump_checkpoint`` of lightning 2.6.6; ``Trainer.save_checkpoint`` writes
    a file.
    """
    return trainer._checkpoint_connector.dump_checkpoint(weights_only=False)


def replace_signal_handlers(trainer: Trainer, install: Callable[[], None]) -> None:
    """Call ``install`` where the trainer would install its own signal handlers.

    ``Trainer._signal_connector`` of lightning 2.6.6; no argument of Trainer turns its handlers off.
    """
    trainer._signal_connector.register_signal_handlers = install  # type: ignore[method-assign]


def copying_method(trainer: Trainer) -> str | None:
    """How the trainer would copy its process for the others: spawn, fork or forkserver; or None.

    ``_MultiProcessingLauncher`` of lightning 2.6.6: in a notebook Lightning chooses it by itself.
    """
    launcher = trainer.strategy.launcher
    return launcher._start_method if type(launcher) is _MultiProcessingLauncher else None


def limit_connecting(trainer: Trainer, seconds: float) -> None:
    """Limit how long the processes of a trainer wait for each other when they connect.

    ``DDPStrategy._timeout`` of lightning 2.6.6, which is half an hour unless its argument is given;
    a strategy that is chosen by its name has no arguments.
    """
    strategy = trainer.strategy
    if isinstance(strategy, DDPStrategy):
        strategy._timeout = min(strategy._timeout or timedelta.max, timedelta(seconds=seconds))


def backend_of(trainer: Trainer) -> str:
    """The backend with which a trainer connects its processes, such as gloo.

    ``DDPStrategy._get_process_group_backend`` of lightning 2.6.6: the argument of the strategy, or
    what fits its device.
    """
    strategy = trainer.strategy
    assert isinstance(strategy, DDPStrategy)
    return strategy._get_process_group_backend()


def start_no_processes(trainer: Trainer) -> None:
    """Let the trainer run in this process, as one of several that have been started already.

    ``Strategy._launcher`` of lightning 2.6.6; it takes no account of ``LOCAL_RANK``, as that of
    ``ddp`` does.
    """
    trainer.strategy._launcher = None


def expect_evaluation_mode(trainer: Trainer) -> None:
    """Let a training begin without a warning about layers in evaluation mode, where it is wanted.

    ``_FitLoop._warn_if_modules_in_eval_mode`` of lightning 2.6.6; no argument turns it off.
    """
    trainer.fit_loop._warn_if_modules_in_eval_mode = lambda: None  # type: ignore[method-assign]


def batches_trained(trainer: Trainer) -> int:
    """Training batches of this process so far, over all epochs, including those before a resume.

    ``total_batch_idx`` of the private class ``_FitLoop`` of lightning 2.6.6; ``Trainer`` itself
    counts optimizer steps only.
    """
    return trainer.fit_loop.total_batch_idx + 1


def begin_next_epoch(trainer: Trainer) -> None:
    """Begin the next epoch, if the restored checkpoint is of the end of one.

    To be called in ``on_train_start``. With ``max_steps`` the loops of lightning 2.6.6 take each
    checkpoint for one within an epoch (``_FitLoop.restarting``): they would end that epoch again,
    without its metrics, and count it twice.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end:
        loop.epoch_progress.increment_completed()
        loop._restarting = False
        loop.epoch_loop.restarting = False
        loop.update_restart_stage()


def watch_at_epoch_end(callback: Callback) -> None:
    """Let ModelCheckpoint or EarlyStopping look at its metric when an epoch ends only.

    Attributes of lightning 2.6.6 that the constructors set; only during a training it is known
    whether a metric comes from the validation.
    """
    if isinstance(callback, ModelCheckpoint):
        callback._save_on_train_epoch_end = True
    if isinstance(callback, EarlyStopping):
        callback._check_on_train_epoch_end = True


def waits_for_validation(checkpoint: ModelCheckpoint) -> bool:
    """Whether a checkpoint that was due within an epoch is saved after the next validation.

    ``_defer_save_until_validation`` of lightning 2.6.6, which its state does not have.
    """
    return checkpoint._defer_save_until_validation


def let_wait_for_validation(checkpoint: ModelCheckpoint, waits: bool) -> None:
    """Set `waits_for_validation`, for a training that is resumed in between."""
    checkpoint._defer_save_until_validation = bool(waits)


def saves_within_epochs(callback: object) -> bool | None:
    """Whether a ModelCheckpoint saves every so many steps or seconds; None for another object.

    Attributes of lightning 2.6.6 that the constructor sets from its arguments.
    """
    if not isinstance(callback, ModelCheckpoint):
        return None
    return callback._every_n_train_steps > 0 or callback._train_time_interval is not None


def count_batches_anew(trainer: Trainer, epochs: int, batch: int | None) -> None:
    """Set the counts of batches that a checkpoint had, where an epoch now has other batches.

    To be called in ``on_train_start``: the loops of lightning 2.6.6 are restored then, and have not
    yet begun. With ``batch`` at the end of the epoch, the trainer goes on with the validation, as
    if it had been stopped in its first batch.

    Args:
        trainer: The trainer.
        epochs: Number of finished epochs.
        batch: Number of the batch of this epoch to go on with. None: the epoch begins.
    """
    loop, length = trainer.fit_loop.epoch_loop, int(trainer.num_training_batches)
    counts = loop.batch_progress
    counts.total.reset()
    counts.total.increment_by(epochs * length + (batch or 0))
    if batch is None:
        return
    counts.current.reset()
    counts.current.increment_by(batch)
    if batch < length:
        added = not (loop.restarted_on_last or loop._should_accumulate())
        if loop.restarted_on_train_batch_end:  # then the loop completes that batch first
            counts.total.completed -= 1
            counts.current.completed -= 1
    else:
        added = loop._should_check_val_fx(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]
        validation = loop.val_loop.batch_progress
        validation.reset()
        validation.increment_ready()
        validation.increment_started()
        loop.update_restart_stage()
        validation.reset()
    # The steps that loggers get. The loop adds the last step when it begins.
    loop._batches_that_stepped = trainer.global_step - added


def mark_updated(metric: Metric) -> None:
    """Tell a metric whose state was restored that it has data, so that ``compute`` does not warn.

    ``Metric._update_count`` of torchmetrics 1.9.0; its public property ``update_count`` is
    read-only, and ``merge_state`` does not change it.
    """
    metric._update_count += 1


def average_without_waiting(callback: WeightAveraging) -> None:
    """Update the average of the weights without waiting for a GPU.

    ``WeightAveraging._average_model`` of lightning 2.6.6: ``AveragedModel.update_parameters`` of
    torch 2.14.1 reads the number of updates twice in each step; here it stays on the CPU.
    """
    average = callback._average_model
    assert average is not None
    average.n_averaged = average.n_averaged.cpu()
    average.update_parameters = partial(_update_average, average)  # type: ignore[method-assign]


def untrained_averages(callback: WeightAveraging, module: nn.Module) -> list[Tensor]:
    """The tensors in the average of the weights that the training of a module does not change.

    ``WeightAveraging._average_model`` of lightning 2.6.6. They are the parameters without gradient,
    and the buffers of layers in evaluation mode.
    """
    average = callback._average_model
    assert average is not None
    layers, found = dict(module.named_modules()), list[Tensor]()
    for name, mean in average.module.named_modules():
        if (layer := layers.get(name)) is not None:
            trained = {
                key for key, one in layer.named_parameters(recurse=False) if one.requires_grad
            }
            own = mean.named_parameters(recurse=False)
            found += [one.detach() for key, one in own if key not in trained]
            found += [] if layer.training else mean.buffers(recurse=False)
    return found


def _update_average(average: AveragedModel, net: nn.Module) -> None:
    means = chain(average.module.parameters(), average.module.buffers())
    values = chain(net.parameters(), net.buffers())
    average_of, is_first = average.avg_fn, not average.n_averaged
    assert average_of is not None
    with torch.no_grad():
        for mean, value in zip(means, values, strict=True):
            mean.copy_(value if is_first else average_of(mean, value, average.n_averaged))
    average.n_averaged += 1


def mark_nonfinite(flag: Tensor, tensors: list[Tensor]) -> None:
    """Set a flag to 1 if a value of tensors is nan or infinite, without waiting for the device.

    The call of ``torch.amp.GradScaler`` in torch 2.14.1, scaled by 1, which changes no finite
    value. For the gradients of LitMLP it takes 17 microseconds on a CPU; the public
    ``torch.nn.utils.get_total_norm`` takes 320.

    Args:
        flag: A float32 scalar; it stays as it is if all values are finite.
        tensors: Tensors of one floating type, on the device of the flag: a CPU or a GPU.
    """
    torch._amp_foreach_non_finite_check_and_unscale_(tensors, flag, torch.ones_like(flag))


def skips_flagged_steps(optimizer: Optimizer) -> bool:
    """Whether an optimizer leaves out a step on the device if ``found_inf`` is 1.

    ``Optimizer._step_supports_amp_scaling`` of torch 2.14.1, with which ``torch.amp.GradScaler``
    finds such optimizers: those with ``fused=True``.
    """
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))


def skip_flagged_steps(optimizer: Optimizer, flag: Tensor | None) -> None:
    """Let an optimizer leave out its steps while a flag on the device is 1; None: none any more.

    The attributes ``found_inf`` and ``grad_scale`` of torch 2.14.1, which ``GradScaler.step`` sets.
    The weights, their moments and the count of steps stay as they are.
    """
    if flag is not None:
        optimizer.found_inf = flag  # type: ignore[attr-defined]
    elif hasattr(optimizer, "found_inf"):
        del optimizer.found_inf


def take_whole_numbers() -> None:
    """Let a number of batches that is typed as ``1`` be one batch, not all of them.

    ``Trainer`` annotates its limits with ``Union[int, float]``, and the parser takes the first type
    that fits. Python caches such types: if another package has made ``Union[float, int]`` before,
    such as scikit-learn 1.7, that one is taken, and ``1`` becomes ``1.0``, which is 100 %.
    """
    annotations: dict[str, Any] = Trainer.__init__.__annotations__
    for name, kind in annotations.items():
        types = get_args(kind)
        if get_origin(kind) is Union and {int, float} <= set(types):
            ordered = sorted(types, key=lambda one: one is not int)
            annotations[name] = reduce(or_, ordered)
