"""A run that is sent a signal by itself, at a given moment."""

import signal
from pathlib import Path

# A module of the user's own, in the working directory.
ASK = """
import os
from lightning.pytorch import Callback

class Ask(Callback):
    def __init__(self, moment: str, signum: int, at: int):
        self.moment, self.signum, self.at = moment, signum, at

    def ask(self, moment, now):
        first = os.environ.get("LOCAL_RANK", "0") == "0"
        if moment == self.moment and now in (self.at, None) and first:
            os.kill(os.getpid(), self.signum)

    def on_sanity_check_start(self, trainer, pl_module):
        self.ask("sanity check", None)

    def on_train_start(self, trainer, pl_module):
        self.ask("start", None)

    def on_train_batch_start(self, trainer, *others):
        self.ask("training", trainer.global_step)

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch + 1 < trainer.max_epochs:
            self.ask("epoch end", None)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if not trainer.sanity_checking:
            self.ask("validation", batch_idx)

    def on_test_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.ask("test", batch_idx)
"""


def ask(folder: Path, moment: str, name: str, at: int = 0) -> list[str]:
    """The flags of a training, started in a folder, whose first process sends itself a signal.

    Args:
        folder: Where the training will be started.
        moment: sanity check, start, training, epoch end, validation or test.
        name: Of the signal.
        at: The step in training, the batch in validation and test.
    """
    (folder / "ask.py").write_text(ASK)
    init = f'{{"moment": "{moment}", "signum": {int(signal.Signals[name])}, "at": {at}}}'
    return ["--trainer.callbacks", f'[{{"class_path": "ask.Ask", "init_args": {init}}}]']
