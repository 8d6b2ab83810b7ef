"""The state of every random generator, in and out of checkpoints."""

import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

State = dict[str, Any]


class RNGStateCheckpoint(Callback):
    """Keeps the state of the random generators in checkpoints, so that dropout resumes exactly.

    Lightning 2.6 keeps none. The state is tensors and plain numbers, and loads with weights only.
    Each process keeps its own.
    """

    def __init__(self) -> None:
        self._restored: State | None = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the states, one of each process."""
        states = [random_state()]
        if trainer.world_size > 1:
            states = [{} for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(states, random_state())
        checkpoint["random_states"] = states

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the state of this process; where their number has changed, there is none for it."""
        states = checkpoint.get("random_states", [])
        if trainer.state.fn == "fit" and len(states) == trainer.world_size:
            self._restored = states[trainer.global_rank]
            before = random_state()
            set_random_state(self._restored)  # a state that is none ends here, not in training
            set_random_state(before)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore it when everything is built that might draw."""
        if self._restored is not None:
            set_random_state(self._restored)
            self._restored = None


def random_state() -> State:
    """State of torch, numpy and Python, and of this process's GPU, as tensors and plain numbers."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [str(kind), torch.from_numpy(np.asarray(keys, np.int64)), *map(_plain, rest)],
        "python": [version, torch.tensor(internal), gauss],
    }


def set_random_state(state: State) -> None:
    """Continue the random numbers where :func:`random_state` was called.

    >>> state = random_state()
    >>> drawn = torch.rand(()), np.random.rand(), random.random()
    >>> set_random_state(state)
    >>> drawn == (torch.rand(()), np.random.rand(), random.random())
    True
    """
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    kind, keys, place, *rest = state["numpy"]
    if not 0 <= place <= len(keys):
        raise ValueError(f"the state of numpy's generator is at {place} of {len(keys)}")
    np.random.set_state((kind, keys.numpy().astype(np.uint32), place, *rest))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal.tolist()), gauss))


def _plain(value: Any) -> int | float:
    number: int | float = value.item() if isinstance(value, np.generic) else value
    return number
