"""Record which checkpoint of a training is the best, whenever one is saved or removed."""

import os
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.runs.checkpoint_record import (
    CHECKPOINTS,
    LAST,
    CheckpointRecord,
    read_record,
    write_record,
)
from deepdigits.training.callbacks.monitored import BestCheckpoint
from deepdigits.training.callbacks.run_folder import RunFolder, run_of


class CheckpointPaths(Callback):
    """Keeps checkpoints.json of a run up to date.

    The record is written after a checkpoint is saved and before one is removed, so at any moment
    the best one that it names is there. A checkpoint IO of the user's own does not call it: then
    the record is written when an epoch starts and at the end.

    Args:
        folder: Holds the run.
        best: The callback that saves the best checkpoint.
        has_last: Whether last.ckpt is saved too.
    """

    def __init__(self, folder: RunFolder, best: BestCheckpoint, has_last: bool) -> None:
        self._folder = folder
        self._best = best
        self._has_last = has_last
        self._written: tuple[CheckpointRecord, float | None] | None = None

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self.update()

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self.update()

    def update(self, removed: str | None = None) -> None:
        """Write the record if it has changed.

        Args:
            removed: Path of a checkpoint that is about to be removed.
        """
        run = self._folder.run
        if run is None or self._best.dirpath is None:
            return
        folder, path = run.folder, self._best.best_model_path
        # An asynchronous writer may not have written the best one yet.
        is_there = path and path != removed and os.path.isfile(path)
        best = _relative(path, folder) if is_there else None
        if best is None and (known := read_record(folder)) is not None:  # nothing saved so far
            still = known.best if known.best and (folder / known.best).is_file() else None
            best = None if still and removed and _relative(removed, folder) == still else still
        last = _relative(Path(self._best.dirpath, LAST), folder) if self._has_last else None
        record = CheckpointRecord(best, last)
        score = self._best.best_model_score
        state = record, None if score is None or best is None else float(score)
        if state != self._written:
            facts = {"monitor": self._best.monitor, "mode": self._best.mode, "score": state[1]}
            write_record(folder, record, facts)
            self._written = state


def checkpoint_folder(trainer: Trainer) -> Path:
    """Where the best and the last checkpoint of a training are."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, BestCheckpoint) and callback.dirpath is not None:
            return Path(callback.dirpath)
    run = run_of(trainer)
    return Path(trainer.default_root_dir if run is None else run.folder, CHECKPOINTS)


def _relative(path: str | Path, folder: Path) -> str:
    parent, name = os.path.split(path)  # of a link the path counts, not what it points to
    return os.path.relpath(Path(os.path.realpath(parent), name), os.path.realpath(folder))
