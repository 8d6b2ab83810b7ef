"""Three signals at four moments: saved, told how to go on, and the same bytes in the end."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from shell import finish
from trainings import RUN, TRAIN, same_run

# A module of the user's own, in the working directory: sends the signal at the given moment.
ASK = """
import os
from lightning.pytorch import Callback

class Ask(Callback):
    def __init__(self, moment: str, signum: int):
        self.moment, self.signum = moment, signum

    def ask(self, moment):
        if self.moment == moment:
            self.moment = None
            os.kill(os.getpid(), self.signum)

    def on_sanity_check_start(self, trainer, pl_module):
        self.ask("before the first batch")

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 21:
            self.ask("training")

    def on_validation_batch_start(self, trainer, *others):
        if not trainer.sanity_checking:
            self.ask("validation")

    def on_test_batch_start(self, trainer, *others):
        self.ask("test")
"""
MOMENTS = ("before the first batch", "training", "validation", "test")
SLURM = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "digits"}
CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGUSR1": 143}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    assert finish(TRAIN, folder)[0] == 0
    return folder


@pytest.mark.reliability
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", CODES)
def test_asked_to_stop_it_saves_and_goes_on_to_the_same_bytes(
    name: str, moment: str, unbroken: Path, tmp_path: Path, ledger: Callable[..., None]
) -> None:
    (tmp_path / "ask.py").write_text(ASK)
    init = f'{{"moment": "{moment}", "signum": {int(signal.Signals[name])}}}'
    ask = ["--trainer.callbacks", f'[{{"class_path": "ask.Ask", "init_args": {init}}}]']
    environment = SLURM if name == "SIGUSR1" else {}
    code, said = finish([*TRAIN, *ask], tmp_path, **environment)
    assert code == CODES[name], said
    line = said.splitlines()[-1]
    assert line.startswith(f"deepdigits: stopped by {name}")
    resume = line.partition("go on with: deepdigits ")[2].split()
    assert resume == ["train", "--resume", str(RUN)]
    assert "Traceback" not in said
    assert not (tmp_path / RUN / "report.json").exists()
    code, said = finish([*resume, "--trainer.callbacks", "null"], tmp_path)
    assert code == 0, said
    assert same_run(tmp_path, unbroken)
    ledger("3 signals at 4 moments, resumed: weights and report")
