"""Nets of a user, each with an argument of another type; the tests copy this file."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdigits import LitClassifier


class Kind(Enum):
    WIDE = "w"
    SLIM = 8


@dataclass(frozen=True)
class Block:
    width: int = 8
    name: str = "block"


class Swish(nn.Module):
    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.beta * x)


def make(width: int = 8, act: nn.Module | None = None, classes: int = 10) -> nn.Module:
    layers = [nn.Flatten(), nn.Linear(784, width), act or nn.ReLU(), nn.Linear(width, classes)]
    return nn.Sequential(*layers)


class LitEnum(LitClassifier):
    def __init__(self, kind: Kind = Kind.WIDE, num_classes: int = 10, **kwargs: Any) -> None:
        net = make({Kind.WIDE: 8, Kind.SLIM: 4}[kind], classes=num_classes)
        super().__init__(net, num_classes=num_classes, **kwargs)


class LitPath(LitClassifier):
    def __init__(self, table: Path, num_classes: int = 10, **kwargs: Any) -> None:
        super().__init__(make(int(table.read_text())), num_classes=num_classes, **kwargs)


class LitModule(LitClassifier):
    def __init__(self, act: nn.Module, num_classes: int = 10, **kwargs: Any) -> None:
        super().__init__(make(act=act), num_classes=num_classes, **kwargs)


class LitDefault(LitClassifier):
    def __init__(self, act: nn.Module = nn.PReLU(8), num_classes: int = 10, **kwargs: Any) -> None:  # noqa: B008
        super().__init__(make(act=act), num_classes=num_classes, **kwargs)


class LitType(LitClassifier):
    def __init__(self, act: type[nn.Module] = nn.ReLU, num_classes: int = 10, **kwargs: Any):
        super().__init__(make(act=act()), num_classes=num_classes, **kwargs)


class LitFactory(LitClassifier):
    def __init__(
        self, act: Callable[[], nn.Module] = nn.ReLU, num_classes: int = 10, **kwargs: Any
    ) -> None:
        super().__init__(make(act=act()), num_classes=num_classes, **kwargs)


class LitFunction(LitClassifier):
    """The activation is applied outside of the net."""

    def __init__(
        self, act: Callable[[Tensor], Tensor] = F.relu, num_classes: int = 10, **kwargs: Any
    ) -> None:
        super().__init__(make(), num_classes=num_classes, **kwargs)
        self.act = act

    def forward(self, images: Tensor) -> Tensor:
        return self.act(self.net(images))


class LitTensor(LitClassifier):
    """Has a buffer beside its net."""

    def __init__(
        self,
        prior: Tensor = torch.ones(10),  # noqa: B008
        num_classes: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(make(), num_classes=num_classes, **kwargs)
        self.register_buffer("prior", prior)


class LitDtype(LitClassifier):
    def __init__(
        self, kind: torch.dtype = torch.float32, num_classes: int = 10, **kwargs: Any
    ) -> None:
        assert isinstance(kind, torch.dtype)
        super().__init__(make(), num_classes=num_classes, **kwargs)


class LitContainers(LitClassifier):
    def __init__(
        self,
        keep: set[int] = frozenset({1, 2}),  # type: ignore[assignment]
        table: dict[int, int] = {3: 4},  # noqa: B006
        block: Block = Block(),
        blocks: list[Block] | None = None,
        nothing: None = None,
        pair: tuple[int, float] = (1, 2.0),
        num_classes: int = 10,
        **kwargs: Any,
    ) -> None:
        assert {*keep} == {1, 2} and table == {3: 4} and pair == (1, 2.0), (keep, table, pair)
        assert isinstance(block, Block) and all(isinstance(one, Block) for one in blocks or [])
        super().__init__(make(block.width), num_classes=num_classes, **kwargs)


class LitSavesItself(LitClassifier):
    def __init__(
        self, act: nn.Module, kind: Kind = Kind.WIDE, num_classes: int = 10, **kwargs: Any
    ):
        super().__init__(make(act=act), num_classes=num_classes, **kwargs)
        self.save_hyperparameters()


class LitBare(LitClassifier):
    """Takes nothing of LitClassifier."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(make(width))


class LitUntyped(LitClassifier):
    def __init__(self, act="relu", where="a.b", num_classes=10, **kwargs):  # type: ignore[no-untyped-def]
        layer = {"relu": nn.ReLU, "gelu": nn.GELU}[act]()
        super().__init__(make(act=layer), num_classes=num_classes, **kwargs)


class LitScaled(LitClassifier):
    """Computes more than its net, with a weight of its own; its net has no linear layer."""

    def __init__(self, num_classes: int = 10, **kwargs: Any) -> None:
        net = nn.Sequential(nn.Conv2d(1, 2, 28), nn.Flatten())
        super().__init__(net, num_classes=num_classes, **kwargs)
        self.spread = nn.Parameter(torch.linspace(-1, 1, 20).reshape(2, 10))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(1 - images) @ self.spread
        return logits
