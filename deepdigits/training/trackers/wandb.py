"""What Weights & Biases shows of a run besides its metrics."""

import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from deepdigits.core.files import copy_atomically
from deepdigits.training.trackers.board import Board

_FOLDER = "run_folder"  # W&B has a config.yaml of its own beside it


class WandbBoard(Board):
    """Shows pictures and texts in panels, and takes files as those of its run."""

    package = "wandb"
    id_settings = ("id", "version")
    name_setting = "name"

    def __init__(self, logger: Any) -> None:
        super().__init__(logger)
        self._is_own = False

    @override
    def begin(self) -> str | None:
        wandb = sys.modules.get("wandb")
        self._is_own = getattr(wandb, "run", None) is None  # else it goes on in the user's run
        run_id: str = self.logger.experiment.id
        return run_id

    @override
    def image(self, tag: str, pixels: NDArray[np.uint8], step: int) -> None:
        self.logger.log_image(key=tag, images=[pixels], step=step)

    @override
    def text(self, tag: str, markdown: str, step: int) -> None:
        import wandb

        page = wandb.Html(f"<pre>{escape(markdown)}</pre>", inject=False)
        self.logger.log_metrics({tag: page}, step)

    @override
    def files(self, paths: Sequence[Path]) -> None:
        # Copies: in offline mode the files are sent later, when the run folder may be elsewhere.
        run = self.logger.experiment
        folder = Path(run.dir, _FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            copy = copy_atomically(path, folder / path.name)
            run.save(str(copy), base_path=run.dir, policy="now")

    @override
    def close(self, failed: bool) -> None:
        if self._is_own:
            self.logger.experiment.finish(exit_code=int(failed))
