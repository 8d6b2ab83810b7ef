"""Fix the checkpoint paths in a checkpoint after its run folder has moved."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from typing_extensions import override

from deepdigits.runs.checkpoint_record import SUFFIX
from deepdigits.training.callbacks.monitored import BestCheckpoint, MonitoredEarlyStopping
from deepdigits.training.lightning_compat import let_wait_for_validation
from deepdigits.training.restored_state import check_callbacks

_FORMER: Mapping[type, str] = {
    BestCheckpoint: "ModelCheckpoint",
    MonitoredEarlyStopping: "EarlyStopping",
}


class RelocateCheckpoints(Callback):
    """Point the lists of best checkpoints to the files in the folders of this run.

    Lightning 2.6 stores absolute paths. A run that was moved, or is resumed from another working
    directory, would lose its best checkpoints; and ModelCheckpoint would delete whatever file the
    checkpoint of a stranger lists as its best. Here only the paths below its folder count.
    """

    @override
    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # Called before any callback loads its state.
        check_callbacks(trainer, checkpoint)
        states: dict[str, Any] = checkpoint.get("callbacks", {})
        _rename_former(trainer, states)
        for callback in trainer.checkpoint_callbacks:
            if not isinstance(callback, ModelCheckpoint) or callback.state_key not in states:
                continue
            saved = states.pop(callback.state_key)
            let_wait_for_validation(callback, saved.get("waits_for_validation", False))
            state = relocated(saved, Path(callback.dirpath)) if callback.dirpath else None
            if state is not None:  # else ModelCheckpoint starts anew
                states[callback.state_key] = state


def relocated(state: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """The state of a ModelCheckpoint with all its paths in a folder.

    Returns:
        The new state. None if the folder does not contain the best checkpoint.
    """

    def in_folder(path: str) -> str:
        return str(folder / _below(path, state.get("dirpath"))) if path else ""

    best = in_folder(state["best_model_path"])
    if not _is_checkpoint(best):
        return None
    scores = {in_folder(path): score for path, score in state["best_k_models"].items()}
    scores = {path: score for path, score in scores.items() if _is_checkpoint(path)}
    if not all(isinstance(score, int | float) or _is_scalar(score) for score in scores.values()):
        raise ValueError("a score of its best checkpoints is no number")
    worst = in_folder(state["kth_best_model_path"])
    return state | {
        "dirpath": str(folder),
        "best_model_path": best,
        "best_k_models": scores,
        "kth_best_model_path": worst if worst in scores else next(iter(scores), ""),
        "last_model_path": in_folder(state["last_model_path"]),
    }


def _rename_former(trainer: Trainer, states: dict[str, Any]) -> None:
    """Give states of callbacks their present names; they were those of the classes of Lightning."""
    for callback in (*trainer.checkpoint_callbacks, *trainer.early_stopping_callbacks):
        base = _FORMER.get(type(callback))
        if base is not None and callback.state_key not in states:
            former = callback.state_key.replace(type(callback).__qualname__, base, 1)
            if former in states:
                states[callback.state_key] = states.pop(former)


def _is_checkpoint(path: str) -> bool:
    """Whether ModelCheckpoint may remove a file: no file of the user's that is something else."""
    return path.endswith(SUFFIX) and Path(path).is_file()


def _below(path: str, folder: Any) -> PurePath:
    """The part of a path below its former folder; the file name if it was not below it."""
    whole = PurePath(path)
    if isinstance(folder, str) and whole.is_relative_to(folder) and ".." not in whole.parts:
        return whole.relative_to(folder)
    return PurePath(whole.name)


def _is_scalar(score: Any) -> bool:
    return isinstance(score, Tensor) and score.numel() == 1
