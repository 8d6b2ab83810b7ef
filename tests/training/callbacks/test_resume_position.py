"""A run that is resumed in mid-epoch with steps of another size: each image once, the same end."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data.batches import IndexSampler
from deepdigits.training.callbacks.time_left import batches_left
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.length import Pace, schedule_length, schedule_shift
from deepdigits.training.lightning_compat import batches_trained
from deepdigits.training.optimizer import one_cycle

pytestmark = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).parents[3]
RUN = Path("lightning_logs/mlp/a")
LAST = RUN / "checkpoints" / "last.ckpt"
LR = 5e-3
IMAGES = 250  # that the tiny dataset trains on
FIT = ["fit", "--model", "LitMLP", "--model.hidden_sizes", "[8]", "--logger.version", "a"]
FIT += ["--data.val_size", "50", "--trainer.max_epochs", "3", "--trainer.log_every_n_steps", "1"]
FIT += ["--last_checkpoint.every_n_steps", "1", "--last_checkpoint.every_n_seconds", "0"]
RESUME = ["fit", "--resume", str(RUN)]


class Step(NamedTuple):
    """A trained batch: where it was, its images, and the learning rate."""

    epoch: int
    batch: int
    images: list[int]
    lr: float


class Stop(Exception):
    """Raised in place of a kill, within this process."""


class Record:
    """What the runs of a test have trained and validated."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.validated: list[int] = []  # epochs

    def images(self, epoch: int) -> list[int]:
        return [image for step in self.steps if step.epoch == epoch for image in step.images]

    def rates(self) -> dict[tuple[int, int], float]:
        return {(step.epoch, step.batch): step.lr for step in self.steps}


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tiny_digits: Path) -> Record:
    """Records the images of each batch, as the sampler selects them."""
    found, selected = Record(), [torch.empty(0)]
    select, train, validate = (
        IndexSampler.__iter__,
        LitClassifier.training_step,
        LitClassifier.on_validation_epoch_end,
    )

    def recorded_select(self: IndexSampler) -> Iterator[tuple[Tensor, range]]:
        for indices, places in select(self):
            selected[0] = indices
            yield indices, places

    def recorded_train(self: LitClassifier, batch: Any, batch_idx: int) -> Tensor:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        place = self.trainer.current_epoch, batch_idx
        found.steps.append(Step(*place, selected[0].tolist(), rate))
        return train(self, batch, batch_idx)

    def recorded_validate(self: LitClassifier) -> None:
        if not self.trainer.sanity_checking:  # type: ignore[attr-defined]
            found.validated.append(self.trainer.current_epoch)
        validate(self)

    monkeypatch.setattr(IndexSampler, "__iter__", recorded_select)
    monkeypatch.setattr(LitClassifier, "training_step", recorded_train)
    monkeypatch.setattr(LitClassifier, "on_validation_epoch_end", recorded_validate)
    return found


def stopped(args: list[str], steps: int) -> None:
    """Stop a run after its checkpoint of a step, as a kill would."""
    save = Trainer.save_checkpoint

    def save_and_stop(trainer: Trainer, path: Any, *more: Any) -> None:
        save(trainer, path, *more)
        if Path(path).name == "last.ckpt" and trainer.global_step >= steps:
            raise Stop

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Trainer, "save_checkpoint", save_and_stop)
        run(args)


def data(batch_size: int) -> list[str]:
    return ["--data.batch_size", str(batch_size)]


def trainer(**settings: int) -> list[str]:
    return [word for key, value in settings.items() for word in (f"--trainer.{key}", str(value))]


def points(tag: str) -> list[int]:
    """Steps at which a metric was logged."""
    events = EventAccumulator(str(RUN))
    events.Reload()
    return [event.step for event in events.Scalars(tag)]


# Name -> settings, steps after which it is stopped, settings of the resume; batches of an epoch
# then, and the number of the first one.
CHANGES: dict[str, tuple[list[str], int, list[str], int, int]] = {
    "double the size": (data(10), 10, data(20), 12, 5),
    "a part of a batch is done": (data(20), 5, data(60), 4, 2),
    "the rest fits into the dropped images": (data(20), 5, data(80), 3, 2),
    "all in one batch before": (data(110), 1, data(7), 35, 15),
    "the second epoch": (data(20), 17, data(10), 25, 10),
    "no full batch is left": (data(10), 22, data(40), 6, 6),
    "accumulated": (data(20), 6, trainer(accumulate_grad_batches=3), 12, 6),
    "no longer accumulated": (
        [*data(10), *trainer(accumulate_grad_batches=3)],
        3,
        [*data(20), *trainer(accumulate_grad_batches=1)],
        12,
        4,
    ),
    "fewer batches": (data(20), 5, trainer(limit_train_batches=7), 7, 5),
    "fewer batches than were trained": (data(20), 5, trainer(limit_train_batches=3), 3, 3),
    "more batches": (
        [*data(20), *trainer(limit_train_batches=7)],
        5,
        trainer(limit_train_batches=9),
        9,
        5,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_image_comes_once_and_the_training_ends_as_another(
    change: str, record: Record
) -> None:
    settings, steps, others, batches, first = CHANGES[change]
    stopped([*FIT, *settings], steps)
    before = len(record.steps)
    epoch = record.steps[-1].epoch
    resumed = run([*RESUME, *others])
    assert isinstance(resumed.trainer.lightning_module, LitClassifier)

    # The images.
    after = record.steps[before:]
    assert [step.batch for step in after if step.epoch == epoch] == list(range(first, batches))
    images = record.images(epoch)
    assert len(images) == len(set(images))
    if "batches" not in change:
        size = resumed.datamodule.batch_size
        assert IMAGES - size < len(images) <= IMAGES
        assert len(record.images(2)) == IMAGES // size * size

    # The counts: each epoch ends with its validation.
    assert resumed.trainer.current_epoch == 3
    assert batches_trained(resumed.trainer) == 3 * batches
    assert record.validated == [0, 1, 2]
    ends = points("val/loss")
    assert points("train/loss") == ends
    assert ends[-1] == resumed.trainer.global_step - 1

    # The learning rate: at each place that of a run which always had these settings.
    assert resumed.trainer.optimizers[0].param_groups[0]["lr"] == 0
    accumulated = resumed.trainer.accumulate_grad_batches
    per_epoch = math.ceil(batches / accumulated)
    for step in after[accumulated:]:  # the first step still has the rate of the last settings
        done = (step.epoch + step.batch // accumulated / per_epoch) / 3
        assert step.lr == pytest.approx(LR * one_cycle(done, warmup=0.3), abs=1e-9)


def test_the_shift_survives_another_resume(record: Record) -> None:
    """Also one with more epochs, which stretch the schedule as they do without a shift."""
    stopped([*FIT, *data(20)], 5)
    stopped([*RESUME, *data(10)], 12)
    assert torch.load(LAST, weights_only=True)["pace"]["schedule_shift"] == 5
    before = len(record.steps)
    ended = run([*RESUME, "--trainer.max_epochs", "4"])
    images = record.images(0)
    assert len(images) == len(set(images)) == IMAGES
    assert ended.trainer.global_step == 5 + 15 + 3 * 25
    assert ended.trainer.optimizers[0].param_groups[0]["lr"] == 0
    after = record.steps[before:]
    record.steps.clear()
    run([*FIT, *data(10), "--trainer.max_epochs", "4", "--logger.version", "unbroken"])
    usual = record.rates()
    assert all(step.lr == usual[step.epoch, step.batch] for step in after[1:])


def test_with_the_same_settings_nothing_is_shifted(record: Record) -> None:
    stopped([*FIT, *data(20), "--trainer.max_epochs", "2"], 5)
    run(RESUME)
    content = torch.load(LAST, weights_only=True)
    assert content["pace"] == {
        "global_batch_size": 20,
        "batches": 12,
        "accumulated": 1,
        "schedule_shift": 0,
    }
    assert content["global_step"] == 24


def test_end_of_an_epoch_that_is_not_validated(record: Record) -> None:
    every = ["--trainer.check_val_every_n_epoch", "2", "--checkpoint.monitor", "train/loss"]
    every += ["--early_stopping.monitor", "train/loss"]
    stopped([*FIT, *data(10), *every], 22)
    resumed = run([*RESUME, *data(40)])
    assert record.validated == [1]
    assert [len(record.images(epoch)) for epoch in range(3)] == [220, 240, 240]
    assert resumed.trainer.global_step == 22 + 2 * 6
    assert points("train/loss") == [21, 27, 33]


def test_steps_that_end_the_training_also_measure_it(record: Record) -> None:
    settings = ["--trainer.max_epochs", "-1", "--trainer.max_steps", "40"]
    stopped([*FIT, *data(20), *settings], 5)
    resumed = run([*RESUME, *data(10)])
    assert resumed.trainer.global_step == 40
    assert batches_left(resumed.trainer) == 0
    assert resumed.trainer.optimizers[0].param_groups[0]["lr"] == 0
    assert len(record.images(0)) == len(set(record.images(0))) == IMAGES
    rates = [step.lr for step in record.steps]
    record.steps.clear()
    run([*FIT, *data(10), *settings, "--logger.version", "unbroken"])
    assert rates == [step.lr for step in record.steps]


@pytest.mark.parametrize("others", [[], data(10)], ids=["the same", "half the size"])
def test_after_an_epoch_of_a_run_with_max_steps(others: list[str], record: Record) -> None:
    settings = ["--trainer.max_epochs", "9", "--trainer.max_steps", "40"]
    stopped([*FIT, *data(20), *settings], 12)
    before = len(record.steps)
    resumed = run([*RESUME, *others])
    after = record.steps[before:]
    assert (after[0].epoch, after[0].batch) == (1, 0)
    assert resumed.trainer.global_step == 40
    assert len(after) == 40 - 12
    assert resumed.trainer.optimizers[0].param_groups[0]["lr"] == 0
    assert record.validated == ([0, 1] if others else [0, 1, 2])


def test_a_checkpoint_without_the_counts_is_resumed_as_before(record: Record) -> None:
    stopped([*FIT, *data(20)], 5)
    content = torch.load(LAST, weights_only=True)
    del content["pace"]
    for state in content["loops"]["fit_loop"]["state_dict"]["combined_loader"]:
        del state["images"]
    torch.save(content, LAST)
    run([*RESUME, *data(10)])
    assert len(record.images(0)) == 5 * 20 + 20 * 10


@pytest.mark.parametrize(
    "pace",
    [
        "x",
        None,
        {},
        {"global_batch_size": 20},
        {"global_batch_size": 20, "batches": 12, "accumulated": 1, "schedule_shift": 0.5},
        {"global_batch_size": 20, "batches": 12, "accumulated": "x", "schedule_shift": 0},
        {"global_batch_size": 20, "batches": 12, "accumulated": 1, "schedule_shift": 10**400},
    ],
)
def test_an_invalid_pace_is_one_line(pace: Any, record: Record) -> None:
    stopped([*FIT, *data(20)], 5)
    torch.save(torch.load(LAST, weights_only=True) | {"pace": pace}, LAST)
    with pytest.raises(InputError, match=r"its pace: expected whole numbers") as caught:
        run(RESUME)
    assert str(caught.value).isprintable()


@pytest.mark.distributed
def test_two_processes_continue_the_epoch_of_one(data_folder: Path) -> None:
    """With real digits: another process does not know the tiny dataset."""
    real = ["--data.val_size", "5000", "--trainer.limit_val_batches", "1"]
    stopped([*FIT, *data(250), *real, "--trainer.max_epochs", "1"], 40)
    two = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]
    resumed = subprocess.run(
        [sys.executable, "-m", "deepdigits", *RESUME, *two],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    content = torch.load(LAST, weights_only=True)
    assert content["global_step"] == 40 + (55_000 - 40 * 250) // 500
    assert content["optimizer_states"][0]["param_groups"][0]["lr"] == 0
    (state,) = content["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    assert state == {"epoch": 0, "position": 110, "images": 55_000}


# ---------------------------------------------------------------- the length


@given(
    batches=st.integers(1, 50),
    accumulated=st.integers(1, 9),
    epochs=st.integers(1, 5),
    max_steps=st.one_of(st.just(-1), st.integers(1, 300)),
    done=st.integers(0, 299),
    data=st.data(),
)
def test_the_schedule_ends_with_the_training(
    batches: int, accumulated: int, epochs: int, max_steps: int, done: int, data: st.DataObject
) -> None:
    """Simulated: whatever steps were made before, the last one is at the end of the schedule."""
    pace = Pace(1, batches, accumulated)
    epoch, batch = data.draw(st.integers(0, epochs - 1)), data.draw(st.integers(0, batches - 1))
    if max_steps != -1:
        done = min(done, max_steps - 1)
    per_epoch = math.ceil(batches / accumulated)
    limit = min(per_epoch * epochs, max_steps) if max_steps != -1 else per_epoch * epochs
    found: Any = SimpleNamespace(
        max_epochs=epochs,
        max_steps=max_steps,
        global_step=done,
        num_training_batches=batches,
        accumulate_grad_batches=accumulated,
        estimated_stepping_batches=limit,
    )
    shift = schedule_shift(found, pace, epoch, batch)
    places = [
        (e, b) for e in range(epoch, epochs) for b in range(batch if e == epoch else 0, batches)
    ]
    steps = sum((b + 1) % accumulated == 0 or b + 1 == batches for _, b in places)
    if max_steps != -1:
        steps = min(steps, max_steps - done)
    end = done + steps + shift
    # The exception: a shorter epoch than the steps, which all the same end the training.
    assert end == schedule_length(found, shift) or (shift == 0 and done + steps == max_steps)
