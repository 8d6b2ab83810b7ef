"""The options --optimizer and --lr_scheduler: others than AdamW and the one-cycle schedule."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import ReduceLROnPlateau, instantiate_class
from torch import nn

from deepdigits.core.errors import InputError, OneLine, one_line
from deepdigits.core.plain_values import fits
from deepdigits.core.signatures import parameters
from deepdigits.training.classifier import LitClassifier

OPTIONS: Mapping[str, Any] = {"optimizer": torch.optim, "lr_scheduler": torch.optim.lr_scheduler}
_PLATEAU = "lightning.pytorch.cli.ReduceLROnPlateau"


def choose_optimizer(module: LightningModule, optimizer: Any, scheduler: Any) -> None:
    """Let a net be trained with another optimizer, or another schedule, or both.

    Args:
        module: The net.
        optimizer: Class path and arguments; None: AdamW stays.
        scheduler: The same; None: the one-cycle schedule stays.

    Raises:
        InputError: The net has an optimizer of its own, or the arguments are refused.
    """
    if optimizer is None and scheduler is None:
        return
    chosen = {"--optimizer": optimizer, "--lr_scheduler": scheduler}
    given = [name for name, settings in chosen.items() if settings is not None]
    own = type(module).configure_optimizers
    if not isinstance(module, LitClassifier) or own is not LitClassifier.configure_optimizers:
        raise InputError(
            f"{' and '.join(given)}: {type(module).__name__} chooses its optimizer in its own "
            "configure_optimizers: change it there, or give it a parameter for it"
        )
    if optimizer is not None:  # alone first: its fault is not that of the schedule
        module.optimizer_settings = _plain(optimizer)
        _try("--optimizer", module.configure_optimizers)
        _try("--optimizer", lambda: _step(module, _plain(optimizer)))
    if scheduler is not None:
        module.scheduler_settings = _plain(scheduler)
        _try("--lr_scheduler", module.configure_optimizers)


def _step(module: LitClassifier, optimizer: dict[str, Any]) -> None:
    """Make a step of an optimizer with weights and gradients of 0, as many as the net has.

    One that needs sparse gradients, for example, fails only there.
    """
    weights = [nn.Parameter(torch.zeros_like(p)) for p in module.parameters() if p.requires_grad]
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    instantiate_class(weights, optimizer).step(lambda: torch.zeros(()))


def _try(option: str, action: Callable[[], object]) -> None:
    """Do something with the chosen classes; errors name the option."""
    try:
        action()
    except OneLine:  # about the net
        raise
    except Exception as error:  # what the classes of others may raise is not known
        raise InputError(f"{option}: {one_line(error, 200) or type(error).__name__}") from error


def is_plain(option: str, value: Any) -> bool:
    """Whether an optimizer or a schedule of a run folder is known to be good.

    It is a class of torch with plain arguments; or Lightning's ReduceLROnPlateau.

    >>> is_plain("optimizer", {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}})
    True
    >>> is_plain("optimizer", {"class_path": "os.system", "init_args": {"command": "ls"}})
    False
    """
    if not isinstance(value, Mapping) or value.keys() - {"class_path", "init_args"}:
        return False
    kind = _known(option, str(value.get("class_path")))
    settings = value.get("init_args", {})
    if kind is None or not isinstance(settings, Mapping):
        return False
    types = parameters(kind)
    return all(key in types and _fits(each, types[key]) for key, each in settings.items())


def _known(option: str, class_path: str) -> type | None:
    """The class of torch that a path names; None for any other."""
    if option == "lr_scheduler" and class_path == _PLATEAU:
        return ReduceLROnPlateau
    module, _, name = class_path.rpartition(".")
    found = vars(OPTIONS[option]).get(name) if module == OPTIONS[option].__name__ else None
    return found if isinstance(found, type) else None


def _fits(value: Any, kind: Any) -> bool:
    # torch also takes tensors as learning rates and tuples as betas; here they are plain.
    if isinstance(value, list | tuple):
        return all(isinstance(one, bool | int | float) for one in value)
    return isinstance(value, bool | int | float | None) or fits(value, kind)


def _plain(settings: Any) -> dict[str, Any]:
    plain: dict[str, Any] = settings.as_dict()
    return plain
