"""A net is compiled before the training clock starts, and trains as if it were not."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.training.compilation import Compile

pytestmark = pytest.mark.usefixtures("tiny_digits")

MakeTrainer = Callable[..., Trainer]
compile_of_torch = nn.Module.compile


class Compilations(Callback):
    """A backend that counts graphs and compiles nothing; and their number at the start."""

    def __init__(self) -> None:
        self.number = self.at_start = 0

    def __call__(self, graph: Any, inputs: Any) -> Any:
        self.number += 1
        return graph.forward

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.at_start = self.number


def fit(make_trainer: MakeTrainer, compilations: Compilations, mode: Compile) -> LitMLP:
    torch.manual_seed(0)
    torch.compiler.reset()
    net = LitMLP(hidden_sizes=[8], dropout=0.5, compile=mode)
    trainer = make_trainer(callbacks=[compilations], num_sanity_val_steps=0, limit_val_batches=0)
    trainer.fit(net, DigitsDataModule(batch_size=32, val_size=30))
    return net


def test_net_is_compiled_before_the_training_starts(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilations = Compilations()
    monkeypatch.setattr(nn.Module, "compile", partial_method(compilations))
    compiled = fit(make_trainer, compilations, True)
    assert compilations.number == compilations.at_start > 0
    plain = fit(make_trainer, Compilations(), False)
    for name, value in plain.state_dict().items():
        assert torch.equal(compiled.state_dict()[name], value), name


def partial_method(backend: Any) -> Callable[[nn.Module], None]:
    return lambda module: partial(compile_of_torch, module)(backend=backend)


@pytest.mark.parametrize(
    ("mode", "expected"), [(True, {}), ("reduce-overhead", {"mode": "reduce-overhead"})]
)
def test_the_mode_of_torch_compile_can_be_chosen(
    mode: Compile,
    expected: dict[str, str],
    make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **kwargs: used.append(kwargs))
    fit(make_trainer, Compilations(), mode)
    assert used == [expected]
