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
from deepdigits.runs.curves import read_curves
from deepdigits.runs.finished import check_report
from deepdigits.runs.report import read_report

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # the run folders of the bundled nets
WEIGHTS = "model.safetensors"  # of a bundled net, in place of its checkpoints


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
        """The run of a checkpoint: RUN/checkpoints/NAME.ckpt, or RUN/NAME.safetensors."""
        path = Path(os.path.abspath(path))  # a link does not lead to the run it points to
        return cls(path.parent if path.suffix == ".safetensors" else path.parent.parent, path)

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
        return self.folder / "config.yaml"

    @property
    def config(self) -> dict[str, Any]:
        """Content of the resolved config."""
        return config.read(self.config_file)

    @property
    def checkpoint(self) -> Path:
        """The named checkpoint, else the best by validation, else the last, else model.safetensors.

        Raises:
            InputError: The run has none of them.
        """
        if (path := self.found_checkpoint) is not None:
            return path
        raise InputError(
            f"run {self.folder} has no checkpoint in {self.folder / 'checkpoints'}: train it "
            "first, or name another run"
        )

    @property
    def found_checkpoint(self) -> Path | None:
        """As `checkpoint`; None if the run has none, such as a published result."""
        best, last = (self.folder / "checkpoints" / name for name in ("best.ckpt", "last.ckpt"))
        candidates = (self.chosen, best, last, self.folder / WEIGHTS)
        return next((path for path in candidates if path is not None and path.is_file()), None)

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to resume from: the named one, else the last, else the best.

        If the last one is damaged, the best one is taken, and a line on stderr says so.

        Raises:
            InputError: The run has none, or only weights, without the state of an optimizer.
        """
        from deepdigits.runs.checkpoint import load

        last = self.folder / "checkpoints" / "last.ckpt"
        if self.chosen is not None or not last.is_file():
            if (path := self.checkpoint).suffix == ".safetensors":
                raise InputError(
                    f"{path} cannot be resumed: it holds weights only, without the state of an "
                    f"optimizer; train anew with its config: deepdigits train -c {self.config_file}"
                )
            return path
        best = last.with_name("best.ckpt")
        try:
            load(last)
        except InputError as error:
            if not best.is_file():
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
