"""A training that sends itself a signal at a given moment."""

import signal
from pathlib import Path

# A module in the user's working directory.
MODULE = """
import os
from lightning.pytorch import Callback

class SendSignal(Callback):
    def __init__(self, moment: str, signum: int, at: int):
        self.moment, self.signum, self.at = moment, signum, at

    def send(self, moment, now=None):
        first = os.environ.get("LOCAL_RANK", "0") == "0"
        if moment == self.moment and now in (self.at, None) and first:
            os.kill(os.getpid(), self.signum)

    def on_sanity_check_start(self, trainer, pl_module):
        self.send("sanity check")

    def on_train_start(self, trainer, pl_module):
        self.send("start")

    def on_train_batch_start(self, trainer, *others):
        self.send("training", trainer.global_step)

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch + 1 < trainer.max_epochs:
            self.send("epoch end")

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if not trainer.sanity_checking:
            self.send("validation", batch_idx)

    def on_test_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.send("test", batch_idx)
"""


def send_signal(folder: Path, moment: str, name: str, at: int = 0) -> list[str]:
    """Flags of a training whose first process sends itself a signal.

    Args:
        folder: The working directory of the training.
        moment: sanity check, start, training, epoch end, validation or test.
        name: Name of the signal.
        at: The step in training, the batch in validation and test.
    """
    (folder / "send_signal.py").write_text(MODULE)
    init = f'{{"moment": "{moment}", "signum": {int(signal.Signals[name])}, "at": {at}}}'
    callback = f'{{"class_path": "send_signal.SendSignal", "init_args": {init}}}'
    return ["--trainer.callbacks", f"[{callback}]"]
