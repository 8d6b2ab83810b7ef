"""The class probabilities of a dataset, in a file."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from deepdigits.core.files import check_output_path
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.predictions import of_split, write_probabilities
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.report_writer import run_folder

AUTO = "auto"
SUFFIXES = (".csv", ".npz")


class PredictionWriter(Callback):
    """Writes what a net holds possible of each digit that it predicts.

    Not a `BasePredictionWriter`: that asks a DataLoader for the indices, and writes a file for each
    process. Here the first process writes those of all, in the order of the split.

    Args:
        output: A .csv or .npz file. AUTO: probabilities.csv in the run folder; where another split
            than test is read, the name carries it. None: nothing is written.

    Raises:
        InputError: A file cannot be called so, or its folder is not there.
    """

    def __init__(self, output: str | None = AUTO) -> None:
        if output not in (AUTO, None):
            check_output_path("--output", Path(output), SUFFIXES)
        self.output = output
        self._outputs = ProbabilityCollector()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        """Collect."""
        self._outputs.add_probabilities(outputs)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, on the first process, what all have collected, and say where."""
        probabilities = self._outputs.take(trainer).numpy()
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, DigitsDataModule):
            return  # loaders of the user's own: which digits these are is not known
        split = data.test_split
        path = self._path(trainer, split)
        if path is None or not trainer.is_global_zero:
            return
        labels = data.images_and_labels(split)[1][: len(probabilities)].cpu().numpy()
        write_probabilities(path, probabilities, labels, data.class_names)
        digits = f"{len(probabilities):,} images of {data.dataset_name}, split {split}"
        where = os.path.relpath(path) if self.output == AUTO else path
        print(f"probabilities of {digits}: {where}")

    def _path(self, trainer: Trainer, split: str) -> Path | None:
        if self.output is None:
            return None
        if self.output != AUTO:
            return Path(self.output)
        run = run_folder(trainer)
        if run is None:
            return None
        folder = output_folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / of_split("probabilities.csv", split)
