"""On a signal a run saves a checkpoint at the end of the batch, and prints how to resume."""

import os
import signal
import threading
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from shell import finish
from signals_helper import send_signal

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.__main__ import run
from deepdigits.core.errors import Interrupted
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown

pytestmark = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).parents[3]
BATCHES = 20
ARGS = ["-c", str(ROOT / "configs" / "mlp.yaml"), "--model.dropout", "0.2"]
ARGS += ["--trainer.max_epochs", "2", "--trainer.limit_train_batches", str(BATCHES)]
RUN = Path("lightning_logs/mlp/version_0")


def saved():
    return torch.load(RUN / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data_folder):
    """Weights of a run without a signal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("unbroken"))
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        run(["fit", *ARGS])
        return saved()["state_dict"]


# Other moments and signals are in tests/reliability.
@pytest.mark.parametrize("moment, at, steps", [("sanity check", 0, 1), ("training", 7, 8)])
def test_run_resumed_after_sigterm_ends_with_the_same_bytes(moment, at, steps, unbroken):
    with pytest.raises(Interrupted) as stopped:
        run(["train", *ARGS, *send_signal(Path(), moment, "SIGTERM", at)])
    assert stopped.value.code == 143
    assert saved()["global_step"] == steps
    assert stopped.value.line.endswith(f"resume with: deepdigits train --resume {RUN}")
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
def test_shell_gets_one_line_and_the_exit_code(signal_, environment):
    args = ["train", *ARGS, *send_signal(Path(), "training", signal_, 4)]
    returned, output = finish(args, Path(), **environment)
    assert returned == 143, output
    assert saved()["global_step"] == 5
    line = output.splitlines()[-1]
    assert line.startswith(f"deepdigits: stopped by {signal_} in epoch 1")
    assert line.endswith(f"deepdigits train --resume {RUN}")
    assert "Traceback" not in output


def test_lightning_alone_saves_nothing_and_exits_with_0(monkeypatch):
    """The reason for GracefulShutdown (Lightning 2.6)."""
    for name in ("_install_handlers", "setup"):
        monkeypatch.setattr(GracefulShutdown, name, lambda *args, **more: None)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        run(["train", *ARGS, *send_signal(Path(), "training", "SIGTERM", 4)])
    assert not stopped.value.code
    assert not (RUN / "checkpoints").exists()
    signal.signal(signal.SIGTERM, former)


def test_a_test_stops_after_the_batch():
    run(["fit", *ARGS, "--trainer.max_epochs", "1"])
    with pytest.raises(Interrupted) as stopped:
        run(["test", "--ckpt_path", str(RUN), *send_signal(Path(), "test", "SIGTERM", 1)])
    assert stopped.value.code == 143
    assert not (RUN / "report.json").exists()


def test_second_signal_stops_immediately():
    with GracefulShutdown() as signals, pytest.raises(Interrupted, match="130"):
        signals.setup(Trainer(logger=False, enable_checkpointing=False), None, "fit")
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.signum == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_a_command_restores_the_handlers():
    former = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(["fit", *ARGS, "--trainer.max_epochs", "1"])
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == former


def handlers():
    return [signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]


class Handlers(Callback):
    """Stores the handlers while the trainer runs."""

    def on_train_start(self, trainer, pl_module):
        self.during = handlers()


def fit(shutdown, make_trainer):
    """Train in the context; returns the trainer, and the handlers during the training."""
    note = Handlers()
    with shutdown:
        trainer = make_trainer(callbacks=[note, shutdown])
        trainer.fit(LitMLP(hidden_sizes=[8]), DigitsDataModule(batch_size=50, val_size=50))
    return trainer, note.during


def test_several_trainings_in_one_process_restore_the_former_handlers(
    make_trainer, tiny_digits, monkeypatch
):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    calls = []
    former = signal.signal(signal.SIGTERM, lambda *args: calls.append(args))
    ignored = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        before, shutdown = handlers(), GracefulShutdown()
        for _ in range(2):
            _, during = fit(shutdown, make_trainer)
            assert all(handler.__self__ is shutdown for handler in during)
            assert handlers() == before
        with GracefulShutdown(), GracefulShutdown():
            assert handlers() != before
        assert handlers() == before
        os.kill(os.getpid(), signal.SIGTERM)
        assert len(calls) == 1 and shutdown.signum is None
    finally:
        signal.signal(signal.SIGTERM, former)
        signal.signal(signal.SIGUSR1, ignored)


def test_training_in_a_thread_leaves_the_handlers_as_they_are(make_trainer, tiny_digits):
    before, results = handlers(), []
    thread = threading.Thread(
        target=lambda: results.append(fit(GracefulShutdown(), make_trainer)), daemon=True
    )
    thread.start()
    thread.join()
    ((trainer, during),) = results
    assert trainer.state.finished
    assert during == handlers() == before


def test_handler_of_c_code_stays(monkeypatch):
    """Python returns None for it, and cannot install it again."""
    installed = []
    monkeypatch.setattr(signal, "getsignal", lambda signum: None)
    monkeypatch.setattr(signal, "signal", lambda signum, handler: installed.append(handler))
    with GracefulShutdown():
        pass
    assert installed == []


def test_trainer_that_is_used_after_the_context_installs_no_handler(make_trainer, tiny_digits):
    before, shutdown = handlers(), GracefulShutdown()
    trainer, _ = fit(shutdown, make_trainer)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(LitMLP(hidden_sizes=[8]), DigitsDataModule(batch_size=50, val_size=50))
    note = next(c for c in trainer.callbacks if isinstance(c, Handlers))
    assert note.during == handlers() == before


def test_a_signal_of_an_earlier_training_does_not_stop_the_next(make_trainer, tiny_digits):
    shutdown = GracefulShutdown()
    with shutdown, pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)
    trainer, _ = fit(shutdown, make_trainer)
    assert trainer.state.finished
