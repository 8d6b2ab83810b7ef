"""A run that is asked to stop saves at the next batch boundary, and says how to go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from signals_helper import send_signal

from deepdigits.__main__ import run
from deepdigits.core.errors import Interrupted
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown

ROOT = Path(__file__).parents[3]
BATCHES = 20
ARGS = ["-c", str(ROOT / "configs" / "mlp.yaml"), "--model.dropout", "0.2"]
ARGS += ["--trainer.max_epochs", "2", "--trainer.limit_train_batches", str(BATCHES)]
RUN = Path("lightning_logs/mlp/version_0")


def in_shell(args):
    """A command line as a shell runs it: exit code and what stands on stderr."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deepdigits", *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr


def saved():
    return torch.load(RUN / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data_folder):
    """Weights of the run that was never stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("unbroken"))
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        run(["fit", *ARGS])
        return saved()["state_dict"]


# The others, and the other signals, are in tests/reliability.
@pytest.mark.parametrize("moment, at, steps", [("sanity check", 0, 1), ("training", 7, 8)])
def test_sigterm_saves_and_the_run_goes_on_to_the_same_bytes(moment, at, steps, unbroken):
    with pytest.raises(Interrupted) as stopped:
        run(["train", *ARGS, *send_signal(Path(), moment, "SIGTERM", at)])
    assert stopped.value.code == 143
    assert saved()["global_step"] == steps
    assert stopped.value.line.endswith(f"go on with: deepdigits train --resume {RUN}")
    assert "SIGTERM" in stopped.value.line
    assert not (RUN / "report.json").exists()
    run(["train", "--resume", str(RUN), "--trainer.callbacks", "null"])
    weights = saved()["state_dict"]
    assert all(torch.equal(weights[name], unbroken[name]) for name in unbroken)
    assert (RUN / "report.json").exists()


@pytest.mark.parametrize(
    "signal_, environment",
    [
        ("SIGTERM", {}),
        ("SIGUSR1", {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "a"}),
    ],
)
def test_shell_sees_one_line_and_the_exit_code(signal_, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    returned, errors = in_shell(["train", *ARGS, *send_signal(Path(), "training", signal_, 4)])
    assert returned == 143, errors
    assert saved()["global_step"] == 5
    line = errors.splitlines()[-1]
    assert line.startswith(f"deepdigits: stopped by {signal_} in epoch 1")
    assert line.endswith(f"deepdigits train --resume {RUN}")
    assert "Traceback" not in errors


def test_without_the_guard_nothing_is_saved_and_the_exit_code_is_0(monkeypatch):
    """What the guard mends (Lightning 2.6)."""
    for name in ("_take_over", "setup"):
        monkeypatch.setattr(GracefulShutdown, name, lambda *args, **more: None)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        run(["train", *ARGS, *send_signal(Path(), "training", "SIGTERM", 4)])
    assert not stopped.value.code
    assert not (RUN / "checkpoints").exists()
    signal.signal(signal.SIGTERM, former)


def test_test_of_a_net_stops_at_the_batch():
    run(["fit", *ARGS, "--trainer.max_epochs", "1"])
    with pytest.raises(Interrupted) as stopped:
        run(["test", "--ckpt_path", str(RUN), *send_signal(Path(), "test", "SIGTERM", 1)])
    assert stopped.value.code == 143
    assert not (RUN / "report.json").exists()


def test_second_signal_stops_at_once():
    with GracefulShutdown() as signals, pytest.raises(Interrupted, match="130"):
        signals.setup(Trainer(logger=False, enable_checkpointing=False), None, "fit")
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.signum == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_do_afterwards_what_they_did_before():
    former = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(["fit", *ARGS, "--trainer.max_epochs", "1"])
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == former
