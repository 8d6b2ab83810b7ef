"""Checkpoints are where the run is, wherever it was when they were saved."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class RelocateCheckpoints(Callback):
    """Makes what a checkpoint knows of the best ones so far hold for the folder of this run.

    Lightning 2.6 keeps whole paths in a checkpoint: a run that was moved, or is resumed from
    another working directory, forgets its best checkpoints; and what a stranger's checkpoint calls
    its best so far is removed, whatever it is. Here only the names count.
    """

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Mend the paths before the callback that saves the best takes them."""
        folder = getattr(trainer.checkpoint_callback, "dirpath", None)
        states: dict[str, Any] = checkpoint.get("callbacks", {})
        for key in [key for key in states if key.startswith("ModelCheckpoint")]:
            state = place(states[key], Path(folder)) if folder else None
            if state is None:
                del states[key]  # a new folder: nothing in it is the best yet
            else:
                states[key] = state


def place(state: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """The state of a ModelCheckpoint, with the files of its names in the folder.

    Returns:
        The state; None where the best checkpoint is not there.
    """

    def here(path: str) -> str:
        return str(folder / Path(path).name) if path else ""

    best = here(state["best_model_path"])
    if not Path(best).is_file():
        return None
    models = {here(path): score for path, score in state["best_k_models"].items()}
    return state | {
        "dirpath": str(folder),
        "best_model_path": best,
        "best_k_models": {path: score for path, score in models.items() if Path(path).is_file()},
        "kth_best_model_path": here(state["kth_best_model_path"]),
        "last_model_path": here(state["last_model_path"]),
    }
