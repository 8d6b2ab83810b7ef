"""A loss or gradient that is not finite stops the run before the step; nothing is lost."""

from pathlib import Path

import pytest
from ledger import Ledger
from shell import finish
from trainings import BATCHES, RESUME, RUN, TRAIN, same_run

from deepdigits.runs.checkpoint import load

STEP = BATCHES + 5
# A module in the user's working directory: puts a bad number into an image or a gradient.
POISON = f"""
from lightning.pytorch import Callback

class Poison(Callback):
    def __init__(self, what: str, value: str):
        self.what, self.value = what, float(value)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.what == "loss" and trainer.global_step == {STEP - 1}:
            batch[0][0, 0, 5, 5] = self.value

    def on_after_backward(self, trainer, pl_module):
        if self.what == "gradient" and trainer.global_step == {STEP - 1}:
            pl_module.net.head.bias.grad[0] = self.value
"""


@pytest.mark.reliability
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_run_stopped_before_the_step_resumes_to_the_same_bytes(
    what: str, value: str, unbroken: Path, tmp_path: Path, ledger: Ledger
) -> None:
    with ledger("loss or gradient not finite: stopped before the step, resumed: same weights"):
        (tmp_path / "poison.py").write_text(POISON)
        init = f'{{"what": "{what}", "value": "{value}"}}'
        poison = f'[{{"class_path": "poison.Poison", "init_args": {init}}}]'
        code, text = finish([*TRAIN, "--trainer.callbacks", poison], tmp_path)
        assert code == 1, text
        assert f"at step {STEP} (epoch 2, batch 5)" in text.splitlines()[-1]
        assert "Traceback" not in text
        kept = list((tmp_path / RUN / "checkpoints").glob("*.ckpt"))
        assert {path.name for path in kept} == {"best.ckpt", "last.ckpt"}
        for path in kept:
            assert all(weight.isfinite().all() for weight in load(path)["state_dict"].values())
        code, text = finish([*RESUME, "--trainer.callbacks", "null"], tmp_path)
        assert code == 0, text
        assert same_run(tmp_path, unbroken)
