"""Write the files of a run folder, except for config, checkpoints and events."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

import deepdigits
from deepdigits.core import environment
from deepdigits.core.console import say
from deepdigits.core.launched import launched
from deepdigits.core.timing import clock
from deepdigits.data.edit_files import write_copies
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.registry import Split
from deepdigits.metrics.report import Report
from deepdigits.plots.style import save_figure
from deepdigits.plots.training import CURVE_TAGS, learning_curves
from deepdigits.runs import evaluation
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.curves import write_curves
from deepdigits.runs.dataset_record import DatasetRecord, write_record
from deepdigits.runs.finished import CHECKPOINT_SUM, mark_finished, mark_started, sha256, unmark
from deepdigits.runs.json_files import write_json
from deepdigits.runs.report import TRAINING, read_training
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.evaluated import (
    class_names,
    dataset_name,
    division_facts,
    edits_of,
    left_out,
    pictured_images,
    seed_of,
    why_no_pictures,
    why_no_report,
)
from deepdigits.training.callbacks.history import History
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.classifier import LitClassifier


class ReportWriter(Callback):
    """Writes training.json and the curves after a training, and the report after an evaluation.

    A training writes training.json, curves.csv and curves.png; a test writes
    report.json, report.md, predictions.npz, confusion.png and mistakes.png. The files of another
    split have its name in theirs, such as ``report-val.json``.

    Args:
        facts: Further entries of training.json.

    Attributes:
        report: The report of the last evaluation; None before, or if there is none.
        missing: Why there is no report of the last evaluation.
        files: Paths of the written files: kind -> path.
    """

    def __init__(self, facts: Mapping[str, str] | None = None) -> None:
        self._facts = facts or {}
        self.report: Report | None = None
        self.files: dict[str, Path] = {}
        self.missing: str | None = None
        self._history = History()
        self._said: str | None = None
        self._seconds = 0.0
        self._started: float | None = None
        self._device = torch.device("cpu")
        self._outputs = ProbabilityCollector()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"history": self._history.curves, "seconds": self._seconds_so_far()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._history.load(state_dict["history"])
        self._seconds = float(state_dict["seconds"])

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._history.complete(trainer)
        checkpoint["callbacks"][self.state_key] = self.state_dict()

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        run = run_of(trainer)
        if run is not None and trainer.is_global_zero:
            mark_started(run.folder)
            write_record(run.folder, _record(trainer.datamodule))  # type: ignore[attr-defined]
            write_copies(run.folder, edits_of(trainer.datamodule))  # type: ignore[attr-defined]
        self._say(trainer, left_out(pl_module, trainer.datamodule))  # type: ignore[attr-defined]

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The training time excludes the loading of the data and the compilation of the net.
        self._device = trainer.strategy.root_device
        self._started = clock(self._device)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._history.start_epoch(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._history.end_epoch(trainer, pl_module)
        run = run_of(trainer)
        if run is not None and trainer.is_global_zero and self._history.curves:
            write_curves(run.folder, self._history.curves)  # so that others can follow

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._history.start_epoch(trainer)

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not on_train_end: it is not called if a run is resumed after its last epoch.
        self._seconds, self._started = self._seconds_so_far(), None
        run = run_of(trainer)
        if run is None or not trainer.is_global_zero:
            return
        facts = _facts(trainer, pl_module, self._seconds)
        write_json(run.folder / TRAINING, facts | dict(self._facts))
        if curves := self._history.curves:
            write_curves(run.folder, curves)
        if CURVE_TAGS & curves.keys():
            self.files["curves"] = run.folder / "curves.png"
            save_figure(learning_curves(curves), self.files["curves"])

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._history.start_validation(trainer)

    @override
    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._outputs.add(outputs)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._write(trainer, pl_module, "val", "val")
        else:
            self._history.end_validation(trainer, pl_module)

    @override
    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        self._outputs.add(outputs)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        split: Split = data.test_split if isinstance(data, DigitsDataModule) else "test"
        self._write(trainer, pl_module, "test", split)

    def _write(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        stage: Literal["val", "test"],
        split: Split,
    ) -> None:
        data, probabilities = trainer.datamodule, self._outputs.take(trainer)  # type: ignore[attr-defined]
        self.report, self.missing = None, why_no_report(pl_module, data, stage)
        if self.missing is not None or not isinstance(pl_module, LitClassifier):
            return
        report = pl_module.report(stage)
        self.report = replace(report, class_names=class_names(data, report.class_names))
        run = run_of(trainer)
        if run is None or not trainer.is_global_zero:
            return
        source: dict[str, Any] = {"dataset": dataset_name(data, split), "split": split}
        source |= division_facts(data)
        source |= _checkpoint_facts(trainer.ckpt_path, run.folder)
        facts = source | read_training(run.folder)
        target = Run(output_folder(run))
        target.folder.mkdir(parents=True, exist_ok=True)
        if split == "test":
            unmark(target.folder)
        pictured = pictured_images(data, split, probabilities, report)
        self._say(trainer, left_out(pl_module, data) or why_no_pictures(pl_module, stage, pictured))
        self.files |= evaluation.write(target, self.report, facts, pictured)
        if split == "test":
            mark_finished(target.folder)

    def _say(self, trainer: Trainer, what: str | None) -> None:
        """Print once what is left out, and why."""
        if what is not None and what != self._said and trainer.is_global_zero:
            say(f"note: {what}", error=True)
        self._said = what or self._said

    def _seconds_so_far(self) -> float:
        running = 0.0 if self._started is None else clock(self._device) - self._started
        return self._seconds + running


def _facts(trainer: Trainer, pl_module: LightningModule, seconds: float) -> dict[str, Any]:
    # Of processes that a launcher has started, the config has no number.
    several = trainer.world_size > 1 and launched() is not None
    return {
        **({"processes": trainer.world_size} if several else {}),
        "model": _class_path(type(pl_module)),
        "parameters": sum(p.numel() for p in pl_module.parameters()),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "precision": str(trainer.precision),
        "training_seconds": round(seconds, 3),
        "seed": seed_of(trainer.datamodule),  # type: ignore[attr-defined]
        "hardware": environment.hardware(),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
    }


def _record(data: Any) -> DatasetRecord | None:
    """The dataset of a training, if it is of a path."""
    found = data.dataset if isinstance(data, DigitsDataModule) else None
    if not isinstance(found, PathDataset):
        return None
    return DatasetRecord(str(found.path), found.sha256, tuple(data.class_names))


def _class_path(model: type) -> str:
    """The class path of a model, as in a config: ``deepdigits.LitCNN`` for a public class."""
    name = model.__qualname__
    is_public = getattr(deepdigits, name, None) is model
    return f"deepdigits.{name}" if is_public else f"{model.__module__}.{name}"


def _checkpoint_facts(path: Any, folder: Path) -> dict[str, str | None]:
    """The checkpoint that was evaluated: its path from the run folder, and its SHA-256."""
    if not path:
        return {"checkpoint": None, CHECKPOINT_SUM: None}
    shown = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
    return {"checkpoint": shown, CHECKPOINT_SUM: sha256(Path(path))}
