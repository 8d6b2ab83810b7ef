"""Save and restore the state of the random generators."""

import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

State = dict[str, Any]


class RNGStateCheckpoint(Callback):
    """Save the state of the random generators in checkpoints, so that dropout resumes exactly.

    Lightning 2.6 does not save it. The state consists of tensors and plain numbers, so it loads
    with ``weights_only=True``. Each process has its own state. If the number of processes has
    changed, nothing is restored.
    """

    def __init__(self) -> None:
        self._loaded: State | None = None

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        states = [random_state()]
        if trainer.world_size > 1:
            states = [{} for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(states, random_state())
        checkpoint["random_states"] = states

    @override
    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        states = checkpoint.get("random_states", [])
        if trainer.state.fn == "fit" and len(states) == trainer.world_size:
            self._loaded = states[trainer.global_rank]
            current = random_state()
            set_random_state(self._loaded)  # an invalid state fails here, before the training
            set_random_state(current)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only now: building the optimizer and the sanity check may draw random numbers.
        if self._loaded is not None:
            set_random_state(self._loaded)
            self._loaded = None


def random_state() -> State:
    """State of torch, numpy, Python and the GPU of this process, as tensors and plain numbers.

    A GPU that was not used yet is left alone: after its first use no process can be forked.
    """
    name, keys, *rest = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if gpu_used() else None,
        "numpy": [str(name), torch.from_numpy(np.asarray(keys, np.int64)), *map(_plain, rest)],
        "python": [version, torch.tensor(internal), gauss],
    }


def set_random_state(state: State) -> None:
    """Restore a state of :func:`random_state`.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: The state is not valid.

    >>> state = random_state()
    >>> numbers = torch.rand(()), np.random.rand(), random.random()
    >>> set_random_state(state)
    >>> numbers == (torch.rand(()), np.random.rand(), random.random())
    True
    """
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    elif gpu_used():
        torch.cuda.manual_seed(torch.initial_seed())  # as if it had not been used
    name, keys, position, *rest = state["numpy"]
    if not 0 <= position <= len(keys):
        raise ValueError(f"state of numpy: expected a position up to {len(keys)}, got {position}")
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, *rest))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal.tolist()), gauss))


def gpu_used() -> bool:
    """Whether this process has used a GPU."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]  # torch has no types


def _plain(value: Any) -> int | float:
    number: int | float = value.item() if isinstance(value, np.generic) else value
    return number
