"""A run folder: its config, checkpoints and JSON files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.metrics.report import Report
from deepdigits.runs import config
from deepdigits.runs.checkpoint_record import CHECKPOINTS, LAST, read_record
from deepdigits.runs.curves import read_curves
from deepdigits.runs.finished import check_report
from deepdigits.runs.report import read_report

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # the run folders of the bundled nets
WEIGHTS_SUFFIX = ".safetensors"
WEIGHTS = f"model{WEIGHTS_SUFFIX}"  # of a bundled net, in place of its checkpoints
CONFIG = "config.yaml"


@dataclass(frozen=True)
class Run:
    """The folder that one training leaves behind: ``lightning_logs/<name>/version_N``.

    Attributes:
        folder: The run folder.
        chosen: The checkpoint, if the user named a file; None if the user named a folder.
    """

    folder: Path
    chosen: Path | None = None

    @classmethod
    def of_checkpoint(cls, path: Path) -> "Run":
        """The run of a checkpoint: RUN/checkpoints/NAME.ckpt, or RUN/NAME.safetensors.

        The name of a checkpoint may have folders, such as ``epoch=1-val/accuracy=0.98.ckpt``. In
        another folder than checkpoints/ only those belong to a run that its record names.
        """
        path = Path(os.path.abspath(path))  # a link does not lead to the run it points to
        if path.suffix == WEIGHTS_SUFFIX:
            return cls(path.parent, path)
        runs = (cls(folder, path) for folder in path.parents[1:])
        return next((run for run in runs if run.has_chosen), cls(path.parent.parent, path))

    @property
    def has_chosen(self) -> bool:
        """Whether the folder is a run, and the named checkpoint one of its own."""
        if not self.config_file.is_file() or self.chosen is None:
            return False
        if self.chosen.suffix == WEIGHTS_SUFFIX:
            return self.chosen.parent == self.folder
        name = Path(os.path.relpath(self.chosen, self.folder))
        record = read_record(self.folder)
        recorded = () if record is None else (record.best, record.last)
        return name.parts[0] == CHECKPOINTS or str(name) in recorded

    @property
    def is_bundled(self) -> bool:
        """Whether it is a net that comes with the package: its folder is read-only."""
        return self.folder.resolve().parent == PRETRAINED.resolve()

    @property
    def group(self) -> Path:
        """The folder of all runs of its config; a bundled net is the only run of its config."""
        folder = self.folder.resolve()
        return folder if self.is_bundled else folder.parent

    @property
    def name(self) -> str:
        """Name of its config: ``cnn`` for lightning_logs/cnn/version_0 and for the bundled cnn."""
        return self.group.name

    @property
    def config_file(self) -> Path:
        """The resolved config; it runs again as it is."""
        return self.folder / CONFIG

    @property
    def config(self) -> dict[str, Any]:
        """Content of the resolved config."""
        return config.read(self.config_file)

    @property
    def checkpoint(self) -> Path:
        """The named checkpoint, else the best of the training, else the last, else the weights.

        Raises:
            InputError: The run has none of them, or its best one is gone.
        """
        if (path := self.found_checkpoint) is not None:
            return path
        record = read_record(self.folder)
        if record is not None and record.best is not None:
            raise InputError(
                f"the best checkpoint of run {self.folder}, {record.best}, does not exist any "
                "more: name another checkpoint of the run"
            )
        raise InputError(
            f"run {self.folder} has no checkpoint in {self.folder / CHECKPOINTS}: train it "
            "first, or name another run"
        )

    @property
    def found_checkpoint(self) -> Path | None:
        """As `checkpoint`; None if the run has none, such as a published result."""
        if self.chosen is not None:
            return self.chosen if self.chosen.is_file() else None
        record = read_record(self.folder)
        if record is None:  # deepdigits 0.1, a bundled net, or a training that has saved nothing
            named = [f"{CHECKPOINTS}/{name}" for name in ("best.ckpt", LAST)]
        else:
            named = [path for path in (record.best or record.last,) if path]
        paths = [self.folder / path for path in (*named, WEIGHTS)]
        return next((path for path in paths if path.is_file()), None)

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to resume from: the named one, else the last, else the best.

        If the last one is damaged, the best one is taken, and a line on stderr says so.

        Raises:
            InputError: The run has none, or only weights, without the state of an optimizer.
        """
        from deepdigits.runs.checkpoint import load

        record = read_record(self.folder)
        recorded = None if record is None else record.last
        last = self.folder / (recorded or f"{CHECKPOINTS}/{LAST}")
        if self.chosen is not None or not last.is_file():
            if (path := self.checkpoint).suffix == WEIGHTS_SUFFIX:
                raise InputError(
                    f"{path} cannot be resumed: it holds weights only, without the state of an "
                    f"optimizer; train anew with its config: deepdigits train -c {self.config_file}"
                )
            return path
        try:
            load(last)
        except InputError as error:
            best = self.found_checkpoint
            if best is None or best == last or best.suffix == WEIGHTS_SUFFIX:
                raise
            say(f"{error}; going on from {best}", error=True)
            return best
        return last

    @property
    def report(self) -> Report:
        """The report on the test images.

        Raises:
            InputError: The run was not tested yet, or its report is damaged or of other weights.
        """
        content = read_report(self.folder)
        if content is None:
            raise InputError(
                f"run {self.folder} has no report.json: `deepdigits report {self.folder}`, or in "
                "Python deepdigits.evaluate(run), writes it"
            )
        check_report(self.folder, self.found_checkpoint, content)
        return Report.from_dict(content)

    @property
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """The metrics of each epoch: ``epoch`` and each tag, such as ``val/loss``, as (epochs,).

        A value that was not measured in an epoch is nan.

        Raises:
            InputError: The run has no curves.csv, or a damaged one.
        """
        return read_curves(self.folder)

    def model(self) -> "LightningModule":
        """The trained LightningModule, in evaluation mode on the CPU.

        It maps images (B, 1, 28, 28) in [0, 1] to logits (B, C).

        Raises:
            InputError: The run has no checkpoint, a damaged one, or one of another net; or its
                config names a class that is not trusted.
        """
        from deepdigits.runs.lightning_module import load_module  # torch: only here

        return load_module(self.config, self.folder, self.checkpoint)
