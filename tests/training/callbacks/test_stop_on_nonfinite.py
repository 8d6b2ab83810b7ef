"""A loss or gradient that is not finite stops the training before it changes the weights."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.__main__ import run
from deepdigits.core.errors import RunFailed
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite, any_not_finite

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[3] / "configs"
POISONED = 3  # number of the batch


class Poison(Callback):
    """Sets a pixel of a batch, or a value of a gradient, to nan or infinity."""

    def __init__(self, what: str, value: float) -> None:
        self.what, self.value = what, value

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.what == "pixels" and batch_idx == POISONED - 1:
            batch[0][0, 0, 5, 5] = self.value

    def on_after_backward(self, trainer, pl_module):
        if self.what == "gradient" and trainer.global_step == POISONED - 1:
            pl_module.net.head.bias.grad[0] = self.value


def fit(make_trainer, *callbacks):
    torch.manual_seed(0)
    net = LitMLP(hidden_sizes=[8])
    trainer = make_trainer(callbacks=list(callbacks), num_sanity_val_steps=0, limit_val_batches=0)
    trainer.fit(net, DigitsDataModule(batch_size=32, val_size=30))
    return net


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("what", ["pixels", "gradient"])
def test_training_stops_before_the_step(what, value, make_trainer, tiny_digits):
    poison, stop = Poison(what, value), StopOnNonFinite()
    weights: list[Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, *others):
            weights.append(pl_module.net.head.weight.detach().clone())

        def on_exception(self, trainer, pl_module, exception):
            weights.append(pl_module.net.head.weight.detach().clone())

    with pytest.raises(RunFailed) as stopped:
        fit(make_trainer, poison, stop, Watch())
    assert f"at step {POISONED} (epoch 1, batch {POISONED})" in str(stopped.value)
    named = "gradient of net.head.bias" if what == "gradient" else "the loss is"
    assert named in str(stopped.value)
    assert len(weights) == POISONED
    assert torch.equal(weights[-1], weights[-2])


@pytest.mark.parametrize("what", ["pixels", "gradient"])
def test_without_the_callback_the_weights_become_nan(what, make_trainer, tiny_digits):
    net = fit(make_trainer, Poison(what, torch.nan))
    assert any(parameter.isnan().any() for parameter in net.parameters())


def test_finite_training_is_not_changed(make_trainer, tiny_digits):
    with_callback, without = fit(make_trainer, StopOnNonFinite()), fit(make_trainer)
    for a, b in zip(with_callback.parameters(), without.parameters(), strict=True):
        assert torch.equal(a, b)


def test_huge_learning_rate_gives_one_line_and_no_bad_checkpoint(tiny_digits):
    small = ["--data.batch_size", "32", "--data.val_size", "30", "--trainer.log_every_n_steps", "4"]
    with pytest.raises(RunFailed) as stopped:
        run(["fit", "-c", str(CONFIGS / "mlp.yaml"), *small, "--model.lr", "1e36"])
    assert "\n" not in str(stopped.value)
    assert "--model.lr" in str(stopped.value)
    for path in Path("lightning_logs").rglob("*.ckpt"):
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 3e38, 0.0])
def test_any_value_is_found_and_none_is_changed(value):
    tensors = [torch.randn(50), torch.randn(3, 4), torch.tensor(value)]
    before = [tensor.clone() for tensor in tensors]
    assert any_not_finite(tensors) == (not torch.tensor(value).isfinite())
    assert all(torch.equal(a, b) for a, b in zip(tensors[:2], before[:2], strict=True))
