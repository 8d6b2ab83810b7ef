"""Tell the callbacks of a trainer which run it trains or evaluates."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.runs.run import Run
from deepdigits.training.relaunch import LaunchKeys, record_launch


class RunFolder(Callback):
    """Holds the run, the same in all processes; the first of the callbacks.

    The folder does not depend on the loggers: there may be none, or one that writes no files.

    Args:
        run: The run. None: it is set later, or nothing is written.

    Attributes:
        launch: The keys of the launch that trains the run, which its folder keeps. None: there is
            no launcher.
    """

    def __init__(self, run: Run | None = None) -> None:
        self.run = run
        self.launch: LaunchKeys | None = None

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.world_size > 1:  # the folder is made by the first process
            self.run = trainer.strategy.broadcast(self.run)
        if self.launch is not None and self.run is not None and trainer.is_global_zero:
            record_launch(self.run.folder, self.launch)


def run_of(trainer: Trainer) -> Run | None:
    """The run that is trained or evaluated; None if nothing is written.

    In a trainer that was built by hand, without `RunFolder`, the folder of its logger, else that of
    the checkpoint. Call it in all processes.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, RunFolder):
            return callback.run
    if trainer.logger is not None:
        return Run(Path(trainer.log_dir)) if trainer.log_dir else None
    return Run.of_checkpoint(Path(trainer.ckpt_path)) if trainer.ckpt_path else None
