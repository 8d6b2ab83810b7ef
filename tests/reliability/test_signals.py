"""Three signals at six moments: saved, one line on how to resume, the same bytes in the end."""

from pathlib import Path

import pytest
import torch
from ledger import Ledger
from shell import finish
from signals_helper import send_signal
from trainings import BATCHES, EPOCHS, LAST, RUN, TRAIN, same_run

SLURM = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "digits"}
CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGUSR1": 143}
# Moment -> batch or step of the signal, and the steps that last.ckpt has when the run has stopped.
MOMENTS = {
    "sanity check": (0, 1),
    "start": (0, 1),
    "training": (21, 22),
    "epoch end": (0, BATCHES),
    "validation": (1, BATCHES),
    "test": (1, EPOCHS * BATCHES),
}


@pytest.mark.reliability
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", CODES)
def test_stopped_run_resumes_to_the_same_bytes(
    name: str, moment: str, unbroken: Path, tmp_path: Path, ledger: Ledger
) -> None:
    at, steps = MOMENTS[moment]
    with ledger("3 signals at 6 moments, resumed: weights and report"):
        environment = SLURM if name == "SIGUSR1" else {}
        signals = send_signal(tmp_path, moment, name, at)
        code, text = finish([*TRAIN, *signals], tmp_path, **environment)
        assert code == CODES[name], text
        line = text.splitlines()[-1]
        assert line.startswith(f"deepdigits: stopped by {name}")
        resume = line.partition("resume with: deepdigits ")[2].split()
        assert resume == ["train", "--resume", str(RUN)]
        assert "Traceback" not in text
        assert torch.load(tmp_path / LAST, weights_only=True)["global_step"] == steps
        assert not (tmp_path / RUN / "report.json").exists()
        code, text = finish([*resume, "--trainer.callbacks", "null"], tmp_path)
        assert code == 0, text
        assert same_run(tmp_path, unbroken)
