"""The files that a run leaves in its folder besides checkpoints and curves."""

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from deepdigits import environment
from deepdigits.data.module import DigitsDataModule
from deepdigits.metrics import Report
from deepdigits.runs import Run

TRAINING = "training.json"


class Artifacts(Callback):
    """Writes training.json when a training ends, and a report.json when a test ends.

    Both go into the run folder: the logger's while training, else the folder of the checkpoint that
    is tested.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.report: Report | None = None
        self.report_file: Path | None = None
        self._started = 0.0

    def state_dict(self) -> dict[str, float]:
        """Seconds trained so far, so that a resumed run counts them all."""
        return {"seconds": self._seconds_so_far()}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on counting."""
        self.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock: loading the data is not training."""
        self._started = monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what is known of the training."""
        self.seconds = self._seconds_so_far()
        self._started = 0.0
        run = _run_folder(trainer)
        if run is None or not trainer.is_global_zero:
            return
        facts = {
            "model": f"{type(pl_module).__module__}.{type(pl_module).__qualname__}",
            "parameters": sum(p.numel() for p in pl_module.parameters()),
            "epochs": trainer.current_epoch,
            "steps": trainer.global_step,
            "training_seconds": round(self.seconds, 3),
            "seed": getattr(trainer.datamodule, "seed", None),  # type: ignore[attr-defined]
            "hardware": environment.hardware(),
            "versions": environment.versions(),
            "git_commit": environment.git_commit(),
        }
        run.write_json(TRAINING, facts)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the report of the validation split, where it is measured by itself."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._write_report(trainer, pl_module, "val", "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the report of the split that was tested."""
        split = getattr(trainer.datamodule, "test_split", "test")  # type: ignore[attr-defined]
        self._write_report(trainer, pl_module, "test", split)

    def _write_report(
        self, trainer: Trainer, pl_module: LightningModule, stage: str, split: str
    ) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, DigitsDataModule):
            return  # loaders of the user's own: which digits these are is not known
        counted = pl_module.report(stage)  # type: ignore[operator]
        self.report = replace(counted, class_names=data.class_names)
        run = _run_folder(trainer)
        if run is None or not trainer.is_global_zero:
            return
        content = {
            **self.report.to_dict(),
            "dataset": data.dataset_name,
            "split": split,
            "checkpoint": _relative(trainer.ckpt_path, run.folder),
            **(run.read_json(TRAINING) or {}),
        }
        self.report_file = run.write_json(report_name(split), content)

    def _seconds_so_far(self) -> float:
        return self.seconds + (monotonic() - self._started if self._started else 0.0)


def report_name(split: str) -> str:
    """File name of the report of a split: report.json is the test set's."""
    return "report.json" if split == "test" else f"report-{split}.json"


def _run_folder(trainer: Trainer) -> Run | None:
    if trainer.logger is not None:
        return Run(Path(trainer.log_dir)) if trainer.log_dir else None
    if trainer.ckpt_path:
        return Run(Path(trainer.ckpt_path).resolve().parent.parent)
    return None


def _relative(path: Any, folder: Path) -> str | None:
    if not path:
        return None
    resolved = Path(path).resolve()
    inside = resolved.is_relative_to(folder.resolve())
    return str(resolved.relative_to(folder.resolve()) if inside else resolved)
