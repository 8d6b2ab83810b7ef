"""A run that is killed in the middle of an epoch resumes to the same bytes."""

import json
import signal
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from shell import start
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepdigits.__main__ import run
from deepdigits.training import assembly
from deepdigits.training.callbacks import last_checkpoint
from deepdigits.training.callbacks.rng_state import RNGStateCheckpoint

pytestmark = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).parents[3]
LOGS = Path("lightning_logs/mlp")
BATCHES = 40
MLP = ["-c", str(ROOT / "configs" / "mlp.yaml"), "--model.dropout", "0.2"]
SHORT = ["--trainer.max_epochs", "2", "--trainer.limit_train_batches", str(BATCHES)]
TINY = ["--trainer.limit_train_batches", "4", "--trainer.log_every_n_steps", "4"]
ARGS = [*MLP, *SHORT, "--last_checkpoint.every_n_steps", "7"]


def last(version):
    return torch.load(LOGS / version / "checkpoints" / "last.ckpt", weights_only=True)


def kill_within(version, steps, *more):
    """Kill a training with SIGKILL after its checkpoint has so many steps."""
    process = start(["train", *ARGS, "--logger.version", version, *more], Path())
    path = LOGS / version / "checkpoints" / "last.ckpt"
    loaded = None
    while process.is_alive():
        if path.is_file() and (changed := path.stat().st_mtime_ns) != loaded:
            loaded = changed
            if saved_step(path) >= steps:
                break
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def saved_step(path):
    """The step of a checkpoint; the file is whole at any time."""
    return torch.load(path, weights_only=True)["global_step"]


def curves(version):
    events = EventAccumulator(str(LOGS / version))
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith(("train/", "val/", "lr"))]
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in tags}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data_folder):
    """A folder with the run that was never stopped."""
    folder = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        run(["train", *ARGS, "--logger.version", "unbroken"])
    return folder


@pytest.mark.parametrize("steps", [7, BATCHES + 9])
def test_killed_within_an_epoch_it_resumes_to_the_same_bytes(steps, unbroken, monkeypatch):
    monkeypatch.chdir(unbroken)
    version = f"killed{steps}"
    kill_within(version, steps)
    step = last(version)["global_step"]
    assert step % BATCHES != 0  # in the middle
    run(["train", "--resume", str(LOGS / version)])
    assert same(last("unbroken")["state_dict"], last(version)["state_dict"])
    reports = [json.loads((LOGS / v / "report.json").read_text()) for v in ("unbroken", version)]
    for report in reports:
        del report["training_seconds"], report["checkpoint_sha256"]
    assert reports[0] == reports[1]
    assert curves("unbroken") == curves(version)  # those of the unfinished epoch too


class Stop(Exception):
    """Raised in place of a kill, within this process."""


def broken(monkeypatch, version, steps, *more):
    """Stop a run with an error after a batch, as a kill would."""
    save = Trainer.save_checkpoint

    def save_and_stop(trainer, path, *args):
        save(trainer, path, *args)
        if trainer.global_step >= steps:
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Trainer, "save_checkpoint", save_and_stop)
        run(["fit", *ARGS, "--logger.version", version, *more])


def test_without_the_random_state_the_weights_differ(unbroken, monkeypatch):
    """The reason for RNGStateCheckpoint: dropout draws other masks."""
    monkeypatch.chdir(unbroken)
    broken(monkeypatch, "differs", 14)
    assert last("differs")["global_step"] == 14
    monkeypatch.setattr(RNGStateCheckpoint, "on_load_checkpoint", lambda *args: None)
    run(["fit", "--resume", str(LOGS / "differs")])
    assert last("differs")["global_step"] == 2 * BATCHES
    assert not same(last("unbroken")["state_dict"], last("differs")["state_dict"])


def test_nothing_is_saved_right_before_a_validation(unbroken, monkeypatch):
    """The reason: Lightning resumes after the validation, which was not made."""
    monkeypatch.chdir(unbroken)
    with monkeypatch.context() as patch:
        patch.setattr(last_checkpoint, "validates_next", lambda *args: False)
        broken(monkeypatch, "behind", BATCHES, "--last_checkpoint.every_n_steps", "8")
    assert last("behind")["global_step"] == BATCHES
    run(["fit", "--resume", str(LOGS / "behind")])
    assert len(curves("unbroken")["val/loss"]) == 2
    assert len(curves("behind")["val/loss"]) == 1


def saved_epochs():
    """Epochs of the best and the last checkpoint, where the first epoch is the best of three."""
    few = ["--trainer.max_epochs", "3", *TINY]
    run(["fit", *MLP, *few, "--checkpoint.monitor", "epoch", "--checkpoint.mode", "min"])
    folder = LOGS / "version_0" / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    return [
        torch.load(folder / name, weights_only=True)["epoch"] for name in ("best.ckpt", "last.ckpt")
    ]


def test_last_is_the_last_epoch_even_if_it_is_not_the_best():
    assert saved_epochs() == [0, 2]


def test_lightnings_own_last_is_one_of_the_best(monkeypatch):
    monkeypatch.setattr(assembly, "_last", lambda *args: [])
    assert saved_epochs() == [0, 0]


def test_run_that_stopped_early_stays_stopped(monkeypatch):
    """Killed after the decision, a run trains no further; with more patience it does."""
    few = ["--trainer.max_epochs", "5", *TINY]
    stop = ["--early_stopping.patience", "1", "--early_stopping.min_delta", "100"]
    cli = run(["fit", *MLP, *few, *stop])
    assert cli.trainer.current_epoch == 2
    assert run(["fit", "--resume", "latest"]).trainer.current_epoch == 2
    more = run(["fit", "--resume", "latest", "--early_stopping.patience", "2"])
    assert more.trainer.current_epoch == 3
