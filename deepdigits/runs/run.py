"""A run folder: its config, checkpoints and JSON files."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import write_text
from deepdigits.runs import config

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # the run folders of the bundled nets
WEIGHTS = "model.safetensors"  # of a bundled net, in place of its checkpoints


@dataclass(frozen=True)
class Run:
    """The folder that one training leaves behind: ``lightning_logs/<name>/version_N``.

    Attributes:
        folder: The run folder.
        chosen: The checkpoint that was named, where a file was named and not a folder.
    """

    folder: Path
    chosen: Path | None = None

    @classmethod
    def of_checkpoint(cls, path: Path) -> "Run":
        """The run of a checkpoint: RUN/checkpoints/NAME.ckpt, or RUN/NAME.safetensors."""
        path = path.resolve()
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
        best, last = (self.folder / "checkpoints" / name for name in ("best.ckpt", "last.ckpt"))
        for path in (self.chosen, best, last, self.folder / WEIGHTS):
            if path is not None and path.is_file():
                return path
        raise InputError(
            f"run {self.folder} has no checkpoint in {best.parent}: train it first, or name "
            "another run"
        )

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
            print(f"{error}; going on from {best}", file=sys.stderr)
            return best
        return last

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Content of a JSON file of the run; None where there is none.

        Raises:
            InputError: The file is damaged.
        """
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} cannot be read: {one_line(error)}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path} is damaged: expected a JSON object")
        return content

    def write_json(self, name: str, content: dict[str, Any]) -> Path:
        """Write a JSON file of the run, whole or not at all."""
        return write_text(self.folder / name, json.dumps(content, indent=2) + "\n")
