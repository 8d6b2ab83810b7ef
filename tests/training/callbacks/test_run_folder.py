"""The run of a trainer that was built by hand: with two processes none waits for the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.distributed
ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from deepdigits import DigitsDataModule, LitMLP
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.callbacks.prediction_writer import PredictionWriter
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite

class Poison(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if sys.argv[1] == "stop" and trainer.global_rank == 1 and batch_idx == 1:
            batch[0][:] = torch.nan

trainer = Trainer(
    accelerator="cpu", strategy="ddp_fork", devices=2, max_epochs=1, limit_train_batches=2,
    limit_val_batches=0, limit_predict_batches=2,
    enable_progress_bar=False, enable_model_summary=False,
    logger=TensorBoardLogger("logs", name="mlp", version="run"),
    callbacks=[Poison(), StopOnNonFinite(), LastCheckpoint(), PredictionWriter()],
)
net, data = LitMLP(hidden_sizes=[8]), DigitsDataModule(batch_size=50)
if sys.argv[1] == "predict":
    trainer.predict(net, data, return_predictions=False)
else:
    trainer.fit(net, data)
"""


@pytest.mark.parametrize("what", ["fit", "stop", "predict"])
def test_no_process_waits_for_another_that_is_not_asked(what: str, data_folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, what]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    if what == "stop":
        assert "the loss is nan at step 2 (epoch 1, batch 2)" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    written = "probabilities.csv" if what == "predict" else "checkpoints/last.ckpt"
    assert Path("logs/mlp/run", written).is_file()
