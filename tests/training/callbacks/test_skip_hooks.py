"""Hooks that do nothing are not called in a step; all others are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.training.callbacks.skip_hooks import SkipUnusedHooks

pytestmark = pytest.mark.usefixtures("tiny_digits")
STEPS = 6


class Counts(Callback):
    """Counts two of its hooks; has no others."""

    def __init__(self) -> None:
        self.starts = self.backward = 0

    def on_train_batch_start(self, *args: Any) -> None:
        self.starts += 1

    def on_after_backward(self, *args: Any) -> None:
        self.backward += 1


class Patched(Callback):
    """A callback whose hook is set on the object."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.on_train_batch_end = lambda *args: self.calls.append(args[-1])  # type: ignore[method-assign]


class Net(LitMLP):
    ends = 0

    def on_train_batch_end(self, *args: Any) -> None:
        self.ends += 1


def fit(make_trainer: Callable[..., Trainer], *callbacks: Callback, **settings: Any) -> Net:
    trainer = make_trainer(callbacks=[SkipUnusedHooks(), *callbacks], **settings)
    net = Net(hidden_sizes=[8])
    trainer.fit(net, DigitsDataModule(batch_size=40, val_size=60))
    return net


def test_hooks_that_are_used_are_called(make_trainer: Callable[..., Trainer]) -> None:
    counts, patched = Counts(), Patched()
    assert fit(make_trainer, counts, patched).ends == STEPS
    assert (counts.starts, counts.backward, patched.calls) == (STEPS, STEPS, list(range(STEPS)))


def test_hooks_that_are_not_used_are_not_called(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, str]] = []

    def record(name: str) -> Callable[..., None]:
        return lambda self, *args: called.append((type(self).__name__, name))

    for name in ("on_train_batch_start", "on_before_backward", "on_train_batch_end"):
        monkeypatch.setattr(Callback, name, record(name))
    fit(make_trainer, Counts())
    assert called == []


def test_the_hooks_are_there_again_afterwards(make_trainer: Callable[..., Trainer]) -> None:
    counts = Counts()
    net = fit(make_trainer, counts)
    assert callable(counts.on_train_batch_end)
    assert callable(net.on_train_batch_start)
    assert not [value for value in vars(counts).values() if value is None]


class Own(ModelCheckpoint):
    """Does more in a step than ModelCheckpoint."""

    steps = 0

    def on_train_batch_end(self, *args: Any) -> None:
        super().on_train_batch_end(*args)
        self.steps += 1


def test_a_subclass_of_model_checkpoint_is_called(
    make_trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    own = Own(tmp_path)
    fit(make_trainer, own, enable_checkpointing=True)
    assert own.steps == STEPS


@pytest.mark.parametrize(("every", "saves"), [(2, 3), (None, 1)])
def test_a_model_checkpoint_saves_within_epochs(
    make_trainer: Callable[..., Trainer], tmp_path: Path, every: int | None, saves: int
) -> None:
    checkpoint = ModelCheckpoint(tmp_path, save_top_k=-1, every_n_train_steps=every)
    fit(make_trainer, checkpoint, enable_checkpointing=True)
    assert len(list(tmp_path.glob("*.ckpt"))) == saves
