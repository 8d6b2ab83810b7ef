"""Check the states in a checkpoint against fresh ones, before a training continues with them.

torch and Lightning take over whatever a checkpoint holds: a moment of AdamW with a wrong shape is
read beyond its end, and a text in place of a number fails in the middle of the training.
"""

from collections.abc import Mapping
from numbers import Number
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

_MOMENTS = {  # names of the states of a parameter that have its shape
    Adam: {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    AdamW: {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    SGD: {"momentum_buffer"},
}


def check_callbacks(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Check the states of callbacks in a checkpoint.

    Args:
        trainer: The trainer, with its fresh callbacks.
        checkpoint: Content of the checkpoint.

    Raises:
        ValueError: A state does not fit.
    """
    states = checkpoint.get("callbacks", {})
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if callback.state_key in states:
            _check_alike(states[callback.state_key], callback.state_dict(), callback.state_key)


def check_progress(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Check the counts of batches, steps and epochs in a checkpoint.

    Args:
        trainer: The trainer, with its fresh loops.
        checkpoint: Content of the checkpoint.

    Raises:
        ValueError: A count is not a whole number.
    """
    loops = checkpoint.get("loops")
    if loops is not None and trainer.state.fn == "fit":
        _check_counts(loops["fit_loop"], trainer.fit_loop.state_dict(), "progress")


def check_optimizers(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Check the states of optimizers and learning rate schedulers in a checkpoint.

    Args:
        trainer: The trainer, with its fresh optimizers.
        checkpoint: Content of the checkpoint.

    Raises:
        ValueError: A state does not fit.
    """
    saved = checkpoint.get("optimizer_states", [])
    for state, optimizer in zip(saved, trainer.optimizers, strict=False):
        _check_optimizer(state, optimizer)
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    for state, scheduler in zip(checkpoint.get("lr_schedulers", []), schedulers, strict=False):
        fresh = scheduler.state_dict()
        if unknown := sorted(map(str, state.keys() - fresh.keys())):
            raise ValueError(f"the learning rate schedule has an unknown state {unknown[0]}")
        _check_alike(state, fresh, "learning rate schedule")


def _check_counts(saved: Any, fresh: Any, what: str) -> None:
    """Check that numbers are whole ones of 64 bits where those of a fresh state are."""
    if isinstance(fresh, Mapping):
        _check_alike(saved, fresh, what)
        for key in fresh.keys() & saved.keys():
            _check_counts(saved[key], fresh[key], f"{what}: {key}")
    elif type(saved) is not type(fresh) or not 0 <= saved < 2**63:
        raise ValueError(f"{what} is {saved!r:.100}, expected a whole number from 0")


def _check_optimizer(saved: Mapping[str, Any], optimizer: Optimizer) -> None:
    fresh = optimizer.state_dict()
    if "param_groups" not in fresh:
        return  # what Lightning has in place of an optimizer, for a net without one
    for group, known in zip(saved["param_groups"], fresh["param_groups"], strict=True):
        for key in known:
            _check_alike(group[key], known[key], f"{key} of the optimizer")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments = _MOMENTS.get(type(optimizer))
    if moments is None:
        return  # the shapes of another optimizer are not known
    for number, state in saved["state"].items():
        parameter = parameters[number]
        for name, value in state.items():
            if name in moments:
                fits = value is None or _is_moment(value, parameter)
            else:
                fits = name == "step" and _is_number(value)
            if not fits:
                raise ValueError(f"the optimizer state {name} does not fit its parameter")
        if type(optimizer) is not SGD and not {"step", "exp_avg", "exp_avg_sq"} <= state.keys():
            raise ValueError(f"the optimizer state has only {', '.join(map(str, state))}")


def _is_moment(value: Any, parameter: Tensor) -> bool:
    return (
        isinstance(value, Tensor)
        and value.shape == parameter.shape
        and value.layout == torch.strided
        and value.is_floating_point()
        and not value.is_meta
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.is_meta and value.layout == torch.strided
    return isinstance(value, int | float)


def _check_alike(saved: Any, fresh: Any, what: str) -> None:
    """Check that a value has the kind of a fresh one; None may become anything plain.

    Raises:
        ValueError: It has another kind, or keys that a fresh one does not have.
    """
    if fresh is None or saved is None:
        return
    if isinstance(fresh, Mapping):
        if not isinstance(saved, Mapping):
            raise ValueError(f"{what} is a {type(saved).__name__}, expected a mapping")
        for key in fresh.keys() & saved.keys():
            _check_alike(saved[key], fresh[key], f"{what}: {key}")
        return
    kinds = ((str,), (list, tuple), (Number, Tensor))
    known = [kind for kind in kinds if isinstance(fresh, kind)]
    if known and not isinstance(saved, known[0]):
        raise ValueError(f"{what} is a {type(saved).__name__}, expected a {type(fresh).__name__}")
    shape = fresh.shape if isinstance(fresh, Tensor) else ()
    if isinstance(saved, Tensor) and saved.shape != shape:
        raise ValueError(f"{what} has shape {tuple(saved.shape)}, expected {tuple(shape)}")
