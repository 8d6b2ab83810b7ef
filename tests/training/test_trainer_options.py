"""Options of Lightning beyond the defaults: they work, or one line says why not."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run
from deepdigits.training.chosen_optimizer import is_plain

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "2"]
RUN = Path("lightning_logs/mlp/version_0")
SGD = ["--optimizer", "SGD", "--optimizer.lr", "0.1", "--optimizer.momentum", "0.5"]
COSINE = ["--lr_scheduler", "CosineAnnealingLR", "--lr_scheduler.T_max", "10"]
ONE_CYCLE = ["--lr_scheduler", "OneCycleLR", "--lr_scheduler.max_lr", "0.1"]


def saved() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(RUN / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def rates() -> list[float]:
    """The learning rate of each logged step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(RUN))
    events.Reload()
    return [event.value for event in events.Scalars("lr")]


# ---------------------------------------------------------------- optimizer and schedule


def test_another_optimizer_trains_under_the_one_cycle_schedule() -> None:
    cli = run(["train", *TRAIN, *SGD])
    (optimizer,) = cli.trainer.optimizers
    assert type(optimizer) is torch.optim.SGD
    assert optimizer.param_groups[0]["momentum"] == 0.5
    assert rates()[-1] < 0.1 * rates()[0]  # it comes down to 0


def test_another_schedule_is_stepped_per_batch() -> None:
    step = ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "2"]
    run(["fit", *TRAIN, *SGD, *step, "--lr_scheduler.gamma", "0.1"])
    assert rates() == pytest.approx([0.01, 0.001, 0.0001])  # after 2, 4 and 6 of 7 batches


def test_a_schedule_that_waits_for_a_metric_is_stepped_per_epoch() -> None:
    plateau = ["--lr_scheduler", "ReduceLROnPlateau", "--lr_scheduler.monitor", "val/loss"]
    factor = ["--lr_scheduler.patience", "0", "--lr_scheduler.threshold", "100"]
    run(["fit", *TRAIN, *SGD, *plateau, *factor, "--trainer.max_epochs", "4"])
    assert sorted(set(rates()), reverse=True) == pytest.approx([0.1, 0.01, 1e-3, 1e-4])


NOT_FOR_NETS = {"Optimizer", "Muon", "SparseAdam"}
OPTIMIZERS = [
    name
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
]


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - NOT_FOR_NETS))
def test_each_other_optimizer_of_torch_trains(name: str) -> None:
    rate = [] if name == "Adafactor" else ["--optimizer.lr", "0.001"]
    cli = run(["fit", *TRAIN, "--optimizer", name, *rate])
    assert type(cli.trainer.optimizers[0]).__name__ == name
    assert cli.trainer.global_step > 0


def test_the_optimizer_of_a_run_goes_on_when_it_is_resumed() -> None:
    run(["fit", *TRAIN, *SGD])
    cli = run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    assert type(cli.trainer.optimizers[0]) is torch.optim.SGD
    assert "momentum_buffer" in saved()["optimizer_states"][0]["state"][0]


OWN = """
import torch
from deepdigits import LitMLP

class Own(LitMLP):
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

class Frozen(LitMLP):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.requires_grad_(False)
"""


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([*SGD, "--optimizer.lr", "-1"], "--optimizer: Invalid learning rate: -1.0"),
        ([*SGD, "--optimizer.lr", "-1", *COSINE], "--optimizer: Invalid learning rate: -1.0"),
        ([*SGD, *ONE_CYCLE], "--lr_scheduler: You must define either total_steps"),
        (["--optimizer", "Muon"], "--optimizer: Muon only supports 2D parameters"),
        (["--optimizer", "Sgd"], "optimizer: "),
        (["--optimizer", "SparseAdam"], "--optimizer: .* does not support dense gradients"),
        (["--lr_scheduler", "torch.optim.lr_scheduler.ReduceLROnPlateau"], "which has a monitor"),
        (["--model", "own.Own", *SGD, *COSINE], "^--optimizer and --lr_scheduler: Own chooses"),
        (["--model", "own.Frozen", *COSINE], "^Frozen has no parameters to train"),
        (
            ["--model", "own.Own", *SGD],
            "^--optimizer: Own chooses its optimizer in its own configure_optimizers",
        ),
    ],
)
def test_an_optimizer_that_cannot_be_built_ends_in_one_line(flags: list[str], line: str) -> None:
    Path("own.py").write_text(OWN)
    with pytest.raises(InputError, match=line):
        run(["fit", *TRAIN, *flags])
    assert not Path("lightning_logs").exists()


def test_a_schedule_that_is_too_short_ends_in_one_line() -> None:
    with pytest.raises(InputError, match="schedule stopped: Tried to step 6 times"):
        run(["fit", *TRAIN, *ONE_CYCLE, "--lr_scheduler.total_steps", "5"])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("optimizer", {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "x"]}}),
        ("optimizer", {"class_path": "torch.optim.optimizer.Optimizer", "init_args": {}}),
        ("optimizer", {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {}}),
        ("optimizer", {"class_path": "torch.optim.SGD", "init_args": {"lr": "os.system"}}),
        ("optimizer", {"class_path": "torch.optim.SGD", "dict_kwargs": {"lr": 1}}),
        ("optimizer", "torch.optim.SGD"),
        ("lr_scheduler", {"class_path": "torch.optim.lr_scheduler.LambdaLR", "init_args": {
            "lr_lambda": "os.system"}}),
    ],
)  # fmt: skip
def test_a_stranger_chooses_no_class(option: str, value: object) -> None:
    assert not is_plain(option, value)
    run(["fit", *TRAIN])
    config = yaml.safe_load((RUN / "config.yaml").read_text())
    (RUN / "config.yaml").write_text(yaml.safe_dump(config | {option: value}))
    with pytest.raises(InputError, match=f"sets {option} to"):
        run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    assert not Path("x").exists()


# ---------------------------------------------------------------- features that are turned off


def test_a_progress_bar_of_ones_own_takes_the_place_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["fit", *TRAIN, "--trainer.callbacks", "TQDMProgressBar"])
    assert "train loss" not in capsys.readouterr().out


def test_an_asynchronous_checkpoint_io_writes_the_same_files() -> None:
    run(["train", *TRAIN, "--trainer.plugins", "AsyncCheckpointIO"])
    assert {path.name for path in (RUN / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    of_thread = saved()["state_dict"]
    assert Run(RUN).checkpoint.name == "best.ckpt"
    run(["fit", *TRAIN, "--logger.name", "plain"])
    plain = torch.load("lightning_logs/plain/version_0/checkpoints/last.ckpt", weights_only=True)
    assert all(torch.equal(of_thread[name], plain["state_dict"][name]) for name in of_thread)
    more = ["--trainer.max_epochs", "2", "--trainer.plugins", "AsyncCheckpointIO"]
    run(["fit", "--resume", str(RUN), *more])
    assert saved()["global_step"] == 14


IO = """
from lightning.fabric.plugins import TorchCheckpointIO

class Mine(TorchCheckpointIO):
    saved = []

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        self.saved.append(str(path))
        super().save_checkpoint(checkpoint, path, storage_options)
"""


def test_a_checkpoint_io_of_ones_own_takes_the_place_of_ours() -> None:
    Path("my_io.py").write_text(IO)
    mine = ["--trainer.plugins", "my_io.Mine", "--checkpoint.filename", "{epoch}"]
    cli = run(["train", *TRAIN, *mine])
    saved_by_it = [Path(path).name for path in cli.trainer.strategy.checkpoint_io.saved]
    assert saved_by_it == ["epoch=0.ckpt", "finished.ckpt"]
    assert Run(RUN).checkpoint.name == "epoch=0.ckpt"  # recorded all the same


def test_one_batch_is_one_batch_also_after_an_import_of_another_package() -> None:
    """Python caches unions: the first one that is made gives the order of their types."""
    code = """
from typing import Union
Union[float, int, None]
from deepdigits.training.execution import resolve_config
words = ["-c", "mlp", "--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "0.5"]
trainer = resolve_config(words)["trainer"]
print([trainer["limit_train_batches"], trainer["limit_val_batches"]])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[1, 0.5]"
