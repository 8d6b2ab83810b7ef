"""Write the class probabilities of each image to a file."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from deepdigits.core.console import say
from deepdigits.core.files import check_output_path, display_path
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.predictions import of_split, write_probabilities
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of

AUTO = "auto"
SUFFIXES = (".csv", ".npz")


class PredictionWriter(Callback):
    """Write the class probabilities of each predicted image.

    Lightning's `BasePredictionWriter` takes the indices from a DataLoader, and writes a file for
    each process. Here the first process writes those of all, in the order of the split.

    Args:
        output: A .csv or .npz file. ``auto``: probabilities.csv in the run folder, with the name of
            the split added unless that is test. None: no file.

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
        self.probabilities = self._collector.take(trainer)  # on all processes
        probabilities = self.probabilities.numpy()
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, DigitsDataModule):
            return  # the user's own dataloaders: their labels are unknown
        split = data.test_split
        run = run_of(trainer)
        path = self._path(run, split) if trainer.is_global_zero else None
        if path is None:
            return
        labels = data.images_and_labels(split)[1][: len(probabilities)].cpu().numpy()
        write_probabilities(path, probabilities, labels, data.class_names)
        images = f"{len(probabilities):,} images of {data.dataset_name}, split {split}"
        say(f"probabilities of {images}: {display_path(path)}")
        if trainer.ckpt_path:
            say(f"checkpoint {display_path(trainer.ckpt_path)}")

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
