"""Write the class probabilities of each image to a file."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from deepdigits.core.console import say
from deepdigits.core.files import check_output_path, display_path
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.predictions import of_split, write_probabilities
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.evaluated import class_names, dataset_name, labels_of
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of

AUTO = "auto"
SUFFIXES = (".csv", ".npz")


class PredictionWriter(Callback):
    """Write the class probabilities of each predicted image.

    Lightning's `BasePredictionWriter` takes the indices from a DataLoader, and writes a file for
    each process. Here the first process writes those of all, in the order of the split.

    Args:
        output: A .csv or .npz file, with the labels of a DigitsDataModule. ``auto``:
            probabilities.csv in the run folder, with the name of the split added unless that is
            test. None: no file.

    Raises:
        InputError: Wrong suffix, or the folder of the file does not exist.
    """

    def __init__(self, output: str | None = AUTO) -> None:
        if output not in (AUTO, None):
            check_output_path("--output", Path(output), SUFFIXES)
            output = os.path.abspath(output)
        self.output = output
        self.probabilities: Tensor | None = None
        self._collector = ProbabilityCollector()

    @override
    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any
    ) -> None:
        self._collector.add_probabilities(outputs)

    @override
    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # On all processes: both may wait for the others.
        self.probabilities, run = self._collector.take(trainer), run_of(trainer)
        data = trainer.datamodule  # type: ignore[attr-defined]
        if data is None or not trainer.is_global_zero:
            return  # the user's own dataloaders: their labels are unknown
        if self.probabilities is None or len(trainer.num_predict_batches) != 1:
            say(
                f"note: no probabilities are written: predict_step of {type(pl_module).__name__} "
                "does not return those (B, C) of each image of one loader",
                error=True,
            )
            return
        split = data.test_split if isinstance(data, DigitsDataModule) else "test"
        path = self._path(run, split)
        if path is not None:
            self._write(path, data, split, self.probabilities)
            if trainer.ckpt_path:
                say(f"checkpoint {display_path(trainer.ckpt_path)}")

    def _write(
        self, path: Path, data: LightningDataModule, split: Split, probabilities: Tensor
    ) -> None:
        numbers = [str(number) for number in range(probabilities.shape[1])]
        labels = labels_of(data, split, *probabilities.shape)
        names = class_names(data, numbers)
        write_probabilities(path, probabilities.numpy(), labels, names)
        images = f"{len(probabilities):,} images of {dataset_name(data, split)}, split {split}"
        say(f"probabilities of {images}: {display_path(path)}")

    def _path(self, run: Run | None, split: str) -> Path | None:
        if self.output is None:
            return None
        if self.output != AUTO:
            return Path(self.output)
        if run is None:
            return None
        folder = output_folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / of_split("probabilities.csv", split)
