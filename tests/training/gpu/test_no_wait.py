"""A step of a training on a GPU neither waits for the device nor copies pageable memory to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import CUDA, FakeGPU
from lightning.pytorch import Callback

from deepdigits.training.cli import DigitsCLI
from deepdigits.training.isolation import isolated
from deepdigits.training.message_filters import filtered_messages

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

CONFIGS = Path(__file__).parents[3] / "configs"
BATCHES, LOG_EVERY = 8, 5


class Watch(Callback):
    """Notes what the device was waited for from the end of a batch to the end of the next one.

    Attributes:
        steps: Batches after which nothing is logged, and that are not the first or last of an
            epoch.
        logs: The others after which something is logged.
        number: Number of all batches.
    """

    def __init__(self, gpu: FakeGPU) -> None:
        self.gpu = gpu
        self.steps: list[list[str]] = []
        self.logs: list[list[str]] = []
        self.number = 0

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.number += 1
        if 0 < batch_idx < BATCHES - 1:
            logs = trainer.global_step % LOG_EVERY == 0
            (self.logs if logs else self.steps).append(list(self.gpu.waits))
        self.gpu.waits.clear()


def train(
    gpu: FakeGPU, config: str, *flags: str, epochs: int = 2, inserted: Callback | None = None
) -> Watch:
    """Run `fit` with everything on for epochs of 8 batches."""
    args = ["-c", str(CONFIGS / f"{config}.yaml"), *flags]
    for name in ("accelerator", "strategy"):
        args += [f"--trainer.{name}", "fake_gpu"]
    args += ["--trainer.log_every_n_steps", f"{LOG_EVERY}", "--trainer.max_epochs", f"{epochs}"]
    args += ["--trainer.limit_train_batches", f"{BATCHES}"]
    args += ["--trainer.precision", "32-true"]  # autocast asks for a real GPU
    args += ["--data.batch_size", "16", "--data.val_size", "30"]
    watch = Watch(gpu)
    with filtered_messages(), isolated(args):
        cli = DigitsCLI("fit", args)
        cli.trainer.callbacks += [watch] if inserted is None else [inserted, watch]  # type: ignore[attr-defined]
        with cli.run_folder_lock():
            cli.run()
    assert next(cli.model.parameters()).device.type == "cpu"  # Lightning moves it back
    assert Path(str(cli.run_folder), "checkpoints", "last.ckpt").is_file()
    return watch


@pytest.mark.parametrize(
    ("config", "flags"),
    [
        ("mlp", ()),
        ("cnn", ()),
        ("mlp", ("--ema_decay", "0.9", "--model.dropout", "0.1")),
        ("mlp", ("--trainer.accumulate_grad_batches", "2", "--trainer.gradient_clip_val", "1")),
    ],
)
def test_a_step_does_not_wait(config: str, flags: tuple[str, ...], gpu: FakeGPU) -> None:
    watch = train(gpu, config, *flags)
    assert watch.number == 2 * BATCHES
    assert len(watch.steps) > BATCHES
    assert watch.steps == [[]] * len(watch.steps)


def test_a_log_reads_once_what_it_shows(gpu: FakeGPU) -> None:
    """The flag of steps that are not finite, the learning rate and the loss."""
    assert train(gpu, "mlp", epochs=1).logs == [["_local_scalar_dense"] * 3]


def fetch(images: torch.Tensor) -> object:
    return images.sum().item()


def branch(images: torch.Tensor) -> object:
    return bool((images > 2).any())


def to_host(images: torch.Tensor) -> object:
    return images.cpu()


def to_device(images: torch.Tensor) -> object:
    return torch.zeros(3).to(images.device)


def new_on_device(images: torch.Tensor) -> object:
    return torch.tensor([1.0], device=CUDA)


def copy_in(images: torch.Tensor) -> object:
    return images[:1].copy_(torch.zeros(1, 1, 28, 28))


def host_indices(images: torch.Tensor) -> object:
    return images[torch.tensor([0, 2])]


def count(images: torch.Tensor) -> object:
    return images.long().flatten().bincount(minlength=2)


def synchronize(images: torch.Tensor) -> object:
    return torch.cuda.synchronize()  # type: ignore[no-untyped-call]


WAITS = [fetch, branch, to_host, to_device, new_on_device, copy_in, host_indices, count]


class Inserted(Callback):
    """Does something that waits in each step."""

    def __init__(self, action: Callable[[torch.Tensor], object]) -> None:
        self.action = action

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        self.action(batch[0])


@pytest.mark.parametrize("action", [*WAITS, synchronize])
def test_a_wait_that_is_put_in_is_found(
    action: Callable[[torch.Tensor], object], gpu: FakeGPU
) -> None:
    watch = train(gpu, "mlp", epochs=1, inserted=Inserted(action))
    assert watch.steps and all(watch.steps)


class WatchValidation(Callback):
    """Notes what the device was waited for in each batch of a validation."""

    def __init__(self, gpu: FakeGPU) -> None:
        self.gpu = gpu
        self.waits: list[list[str]] = []

    def on_validation_batch_start(self, *args: Any) -> None:
        self.gpu.waits.clear()

    def on_validation_batch_end(self, *args: Any) -> None:
        self.waits.append(list(self.gpu.waits))


def test_a_batch_of_a_validation_does_not_wait(gpu: FakeGPU) -> None:
    """torchmetrics would count with bincount."""
    watch = WatchValidation(gpu)
    train(gpu, "mlp", "--data.eval_batch_size", "10", epochs=1, inserted=watch)
    assert watch.waits == [[]] * len(watch.waits) != []
    assert not torch.are_deterministic_algorithms_enabled()
