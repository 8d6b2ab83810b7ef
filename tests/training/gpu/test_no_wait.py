"""A step of a training on a GPU neither waits for the device nor copies pageable memory to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import CUDA, FakeGPU
from lightning.pytorch import Callback

from deepdigits.data.augment import Augment
from deepdigits.data.batches import Batch, Batches
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.isolation import isolated
from deepdigits.training.message_filters import filtered_messages

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

CONFIGS = Path(__file__).parents[3] / "configs"
BATCHES, LOG_EVERY = 8, 5


class ResidentBatches(Batches):
    """Copies the order of an epoch to the device at once."""

    def __iter__(self) -> Iterator[Batch]:
        parts = list(self.sampler)
        order = torch.cat([indices for indices, _ in parts]).to(self.images.device)
        for rows, (_, seed) in zip(order.split([len(i) for i, _ in parts]), parts, strict=True):
            images, labels = (t.index_select(0, rows) for t in (self.images, self.labels))
            yield Batch(images, labels, seed)


@pytest.fixture
def resident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Order on the device, and no augmentation."""
    monkeypatch.setattr("deepdigits.data.module.Batches", ResidentBatches)
    monkeypatch.setattr(Augment, "active", False)


class Watch(Callback):
    """Notes what the device was waited for from the end of a batch to the end of the next one."""

    def __init__(self, gpu: FakeGPU) -> None:
        self.gpu = gpu
        self.waits: dict[int, list[str]] = {}  # by the number of the batch in the training

    def on_train_batch_end(self, trainer: Any, *others: Any) -> None:
        self.waits[trainer.global_step] = list(self.gpu.waits)
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


def within_a_block(step: int) -> bool:
    """Whether nothing is shown or logged after a step, and no epoch begins or ends with it."""
    return step % LOG_EVERY != 0 and step % BATCHES not in (0, 1)


@pytest.mark.parametrize("config", ["mlp", "cnn"])
def test_a_step_does_not_wait(config: str, gpu: FakeGPU, resident: None) -> None:
    waits = train(gpu, config).waits
    assert len(waits) == 2 * BATCHES
    assert {step: found for step, found in waits.items() if within_a_block(step) and found} == {}


def test_a_log_reads_once_what_it_shows(gpu: FakeGPU, resident: None) -> None:
    """The flag of steps that are not finite, the learning rate and the loss."""
    assert train(gpu, "mlp", epochs=1).waits[LOG_EVERY] == ["_local_scalar_dense"] * 3


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
    action: Callable[[torch.Tensor], object], gpu: FakeGPU, resident: None
) -> None:
    waits = train(gpu, "mlp", epochs=1, inserted=Inserted(action)).waits
    assert all(waits[step] for step in waits if within_a_block(step))
