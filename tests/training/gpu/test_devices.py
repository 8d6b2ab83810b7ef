"""A training on a GPU is that on a CPU, also where one resumes the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import FakeGPU
from lightning.pytorch import Callback, Trainer

from deepdigits import DigitsDataModule, LitMLP

pytestmark = pytest.mark.usefixtures("tiny_digits")

MakeTrainer = Callable[..., Trainer]


class LearningRates(Callback):
    """Notes the kinds of the optimizer's values in each step."""

    def __init__(self) -> None:
        self.kinds: set[tuple[str, bool, bool, str]] = set()

    def on_train_batch_end(self, trainer: Any, *others: Any) -> None:
        optimizer = trainer.optimizers[0]
        for group in optimizer.param_groups:
            lr = group["lr"]
            kind = str(lr.device) if isinstance(lr, torch.Tensor) else type(lr).__name__
            steps = {str(optimizer.state[p]["step"].device) for p in group["params"]}
            self.kinds.add((kind, group["capturable"], group["fused"], *steps))


def train(
    make_trainer: MakeTrainer, epochs: int, device: str, before: Path | None, folder: Path
) -> tuple[LitMLP, Path]:
    """Train until the end of an epoch, and save a checkpoint."""
    torch.manual_seed(0)
    # Before a norm, the gradient of a bias is only rounding, which AdamW makes large.
    net, rates = LitMLP(hidden_sizes=[8], norm=False), LearningRates()
    places = {} if device == "cpu" else {"accelerator": "fake_gpu", "strategy": "fake_gpu"}
    trainer = make_trainer(max_epochs=3, callbacks=[rates], **places)
    stop = StopAfter(epochs)
    trainer.callbacks.append(stop)  # type: ignore[attr-defined]
    data = DigitsDataModule(batch_size=32, val_size=30)
    trainer.fit(net, data, ckpt_path=before, weights_only=True)
    path = folder / f"{device}-{epochs}.ckpt"
    trainer.save_checkpoint(path)
    on_gpu = {("cuda:0", True, True, "cuda:0")}
    assert rates.kinds == ({("float", False, True, "cpu")} if device == "cpu" else on_gpu)
    return net, path


class StopAfter(Callback):
    """Stops after an epoch; the schedule is that of three."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


def train_in_parts(make_trainer: MakeTrainer, folder: Path, *devices: str) -> LitMLP:
    """Train an epoch on each device; each resumes the one before."""
    path = None
    folder.mkdir()
    for epochs, device in enumerate(devices, 1):
        net, path = train(make_trainer, epochs, device, path, folder)
    return net


@pytest.mark.parametrize("devices", [("cpu", "gpu", "cpu"), ("gpu", "cpu", "gpu")])
def test_a_gpu_resumes_a_cpu_and_back(
    devices: tuple[str, ...], make_trainer: MakeTrainer, tmp_path: Path, gpu: FakeGPU
) -> None:
    expected = train_in_parts(make_trainer, tmp_path / "cpu", *["cpu"] * 3).state_dict()
    state = train_in_parts(make_trainer, tmp_path / "both", *devices).state_dict()
    for name, value in expected.items():  # the learning rate of a GPU is a float32
        torch.testing.assert_close(state[name], value, rtol=1e-4, atol=1e-5)
