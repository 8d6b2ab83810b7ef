"""A run that was killed goes on in its own folder, to the same weights."""

import json
import re
import signal
import time
from pathlib import Path

import pytest
import torch
from shell import start
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepdigits.__main__ import run

pytestmark = pytest.mark.usefixtures("blank_figures")

MLP = str(Path(__file__).parents[2] / "configs" / "mlp.yaml")
SHORT = ["--trainer.max_epochs", "4", "--trainer.limit_train_batches", "40"]
ROOT = Path("lightning_logs/mlp")


def weights(version):
    checkpoint = torch.load(ROOT / version / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 160
    return checkpoint["state_dict"]


def train_and_kill(version):
    """Kill the run with SIGKILL once its second epoch is saved."""
    process = start(["train", "-c", MLP, *SHORT, "--logger.version", version], Path())
    while process.is_alive() and not second_epoch_is_saved():
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (ROOT / version / "report.json").exists()


def second_epoch_is_saved():
    """Whether its line of the table is printed, which comes when the next epoch has begun."""
    printed = Path("output.txt")
    return printed.is_file() and re.search(r"^ *2/4", printed.read_text(), re.M)


def test_killed_run_resumes_to_the_same_weights_curves_and_report():
    run(["train", "-c", MLP, *SHORT, "--logger.version", "unbroken"])
    train_and_kill("killed")
    run(["train", "--resume", str(ROOT / "killed")])
    assert {path.name for path in ROOT.iterdir()} == {"unbroken", "killed"}

    unbroken, resumed = weights("unbroken"), weights("killed")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)

    reports = [
        json.loads((ROOT / version / "report.json").read_text())
        for version in ("unbroken", "killed")
    ]
    for report in reports:
        assert report.pop("training_seconds") > 0
        assert len(report.pop("checkpoint_sha256")) == 64  # the checkpoint has the seconds in it
    assert reports[0] == reports[1]

    curves = []
    for version in ("unbroken", "killed"):
        events = EventAccumulator(str(ROOT / version))
        events.Reload()
        curves.append({event.step: event.value for event in events.Scalars("val/loss")})
    assert curves[0] == curves[1]
