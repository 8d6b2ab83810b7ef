"""A GPU leaves out the first bad step and all after it, and the host stops before a checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import FakeGPU
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.core.errors import RunFailed
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite
from deepdigits.training.checkpoint_io import AtomicCheckpointIO

pytestmark = pytest.mark.usefixtures("tiny_digits")

POISONED = 3  # number of the step
MakeTrainer = Callable[..., Trainer]


class Poison(Callback):
    """Sets a pixel of a batch, or a value of a gradient, to nan or infinity."""

    def __init__(self, what: str, value: float = torch.nan) -> None:
        self.what, self.value = what, value

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if self.what == "pixels" and batch_idx == POISONED - 1:
            batch[0][0, 0, 5, 5] = self.value

    def on_after_backward(self, trainer: Any, module: Any) -> None:
        if self.what == "gradient" and trainer.global_step == POISONED - 1:
            module.net.head.bias.grad[0] = self.value


class Weights(Callback):
    """The state of weights and optimizer after each step."""

    def __init__(self) -> None:
        self.states: list[list[Tensor]] = []

    def on_train_batch_end(self, trainer: Any, module: Any, *others: Any) -> None:
        optimizer = trainer.optimizers[0].state_dict()["state"].values()
        states = [*module.parameters(), *(value for state in optimizer for value in state.values())]
        self.states.append([state.detach().cpu() for state in states])


def fit(make_trainer: MakeTrainer, *callbacks: Callback, **settings: Any) -> LitMLP:
    """Train on the fake GPU, 8 steps an epoch."""
    torch.manual_seed(0)
    net = LitMLP(hidden_sizes=[8])
    if optimizer := settings.pop("optimizer", None):
        net.optimizer_settings = {"class_path": optimizer, "init_args": {"lr": 0.01}}
    trainer = make_trainer(
        accelerator="fake_gpu",
        strategy="fake_gpu",
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO(net)],
        num_sanity_val_steps=0,
        **settings,
    )
    trainer.fit(net, DigitsDataModule(batch_size=32, val_size=30))
    return net


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(
    ("what", "cause"), [("pixels", "the loss is nan"), ("gradient", "a gradient is not finite")]
)
def test_no_step_changes_the_weights_after_a_bad_one(
    what: str, cause: str, value: float, make_trainer: MakeTrainer, gpu: FakeGPU
) -> None:
    weights = Weights()
    with pytest.raises(RunFailed) as stopped:
        fit(make_trainer, Poison(what, value), weights, StopOnNonFinite(), log_every_n_steps=5)
    assert str(stopped.value).startswith(f"{cause} at step {POISONED} (epoch 1, batch {POISONED})")
    assert len(weights.states) == 5  # the step with which the flag is read
    good = weights.states[POISONED - 2]
    assert all(same(state, good) for state in weights.states[POISONED - 1 :])
    assert not same(weights.states[0], good)


def test_finite_training_is_not_changed(make_trainer: MakeTrainer, gpu: FakeGPU) -> None:
    checked = fit(make_trainer, StopOnNonFinite())
    for a, b in zip(checked.parameters(), fit(make_trainer).parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_flag_is_read_when_the_epoch_ends(make_trainer: MakeTrainer, gpu: FakeGPU) -> None:
    with pytest.raises(RunFailed, match=f"step {POISONED} "):
        fit(make_trainer, Poison("pixels"), StopOnNonFinite(), log_every_n_steps=1000)


@pytest.mark.parametrize("save_weights_only", [False, True])
def test_the_flag_is_read_before_a_checkpoint_is_written(
    save_weights_only: bool, make_trainer: MakeTrainer, tmp_path: Path, gpu: FakeGPU
) -> None:
    saves = ModelCheckpoint(
        tmp_path / "saved",
        every_n_train_steps=2,
        save_top_k=-1,
        save_weights_only=save_weights_only,
    )
    settings = {"log_every_n_steps": 1000, "enable_checkpointing": True}
    with pytest.raises(RunFailed, match=f"step {POISONED} "):
        fit(make_trainer, Poison("pixels"), StopOnNonFinite(), saves, **settings)
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["epoch=0-step=2.ckpt"]


def test_an_exception_after_a_bad_step_saves_nothing(
    make_trainer: MakeTrainer, tmp_path: Path, gpu: FakeGPU
) -> None:
    saves = ModelCheckpoint(tmp_path / "saved", save_on_exception=True)
    last = LastCheckpoint(every_n_steps=4)
    settings = {"log_every_n_steps": 1000, "enable_checkpointing": True}
    with pytest.raises(RunFailed, match=f"step {POISONED} "):
        fit(make_trainer, Poison("pixels"), StopOnNonFinite(), saves, last, **settings)
    assert list(tmp_path.rglob("*.ckpt")) == []


@pytest.mark.parametrize("what", ["pixels", "gradient"])
def test_another_optimizer_waits_and_stops_at_once(
    what: str, make_trainer: MakeTrainer, gpu: FakeGPU
) -> None:
    weights = Weights()
    settings = {"optimizer": "torch.optim.SGD", "log_every_n_steps": 1000}
    with pytest.raises(RunFailed, match=f"step {POISONED} "):
        fit(make_trainer, Poison(what), weights, StopOnNonFinite(), **settings)
    assert len(weights.states) == POISONED - 1


def test_without_the_callback_the_weights_become_nan(
    make_trainer: MakeTrainer, gpu: FakeGPU
) -> None:
    net = fit(make_trainer, Poison("pixels"))
    assert any(parameter.isnan().any() for parameter in net.parameters())
