"""Start a training from the weights of another run: ``--init_from RUN``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn.parameter import is_lazy

from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint import check_fits, load
from deepdigits.runs.finished import sha256
from deepdigits.runs.resolve import resolve_run
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.head import head_name

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Origin:
    """The weights that a training starts from.

    Attributes:
        name: RUN as the user has typed it.
        path: The checkpoint.
        state: Its weights, under the names of the LightningModule.
    """

    name: str
    path: Path
    state: State


def read_origin(config: Any) -> Origin | None:
    """Read the checkpoint that a config names as its origin, and put its SHA-256 into the config.

    No code in the checkpoint is run, and no class that its run names is imported.

    Args:
        config: The parsed config: ``init_from``, ``init_sha256`` and ``ckpt_path``.

    Returns:
        The origin. None: the config names none, or its weights come from ``ckpt_path``.

    Raises:
        InputError: There is no such run, its checkpoint is damaged, or it has another SHA-256.
    """
    name = config.init_from
    if name is None:
        config.init_sha256 = None
    if name is None or config.ckpt_path is not None:
        return None
    try:
        path = resolve_run(name).checkpoint
        total = sha256(path)
        state = load(path)["state_dict"]
    except InputError as error:
        raise InputError(f"init_from {name} cannot be read: {error}") from error
    except OSError as error:
        raise InputError(f"init_from {name}: {path} cannot be read: {error.strerror}") from error
    if config.init_sha256 not in (None, total):
        raise InputError(
            f"init_from {name} is not what it was: {path} has SHA-256 {total[:12]}..., expected "
            f"{config.init_sha256[:12]}...; name the run that has it, or pass --init_sha256 null"
        )
    config.init_sha256 = total
    return Origin(name, path, state)


def facts_of_origin(config: Any) -> dict[str, str]:
    """The origin of a training for training.json and report.json; empty if it has none."""
    if config.init_from is None or config.init_sha256 is None:
        return {}
    return {"init_from": config.init_from, "init_sha256": config.init_sha256}


def take_weights(module: LightningModule, origin: Origin) -> str:
    """Copy the weights of an origin into a module; with another number of classes not the head's.

    Args:
        module: The module.
        origin: The weights.

    Returns:
        One line for the user: what was taken, and what is new.

    Raises:
        InputError: More than the number of classes differs, or a weight is not finite.
    """
    own: State = module.state_dict()
    if any(is_lazy(tensor) for tensor in own.values()):
        raise _refusal(module, origin, "has lazy layers, whose shapes the first batch decides")
    fits = {
        name for name in own if name in origin.state and _shape(origin, name) == own[name].shape
    }
    if not fits:
        raise _refusal(module, origin, "has no tensor of the same name and shape")
    new = [name for name in own if name not in fits]
    classes = _check_new(module, origin, new) if new else ""
    if unknown := origin.state.keys() - own.keys():
        raise _refusal(module, origin, f"has no {_listed(module, unknown)}")
    merged = {name: origin.state[name] if name in fits else own[name] for name in own}
    check_fits(merged, module, origin.path)
    module.load_state_dict(merged, strict=module.strict_loading)
    if not new:
        return f"init_from   {origin.name}: all {len(own)} tensors"
    names = ", ".join(_shown(module, name) for name in new)
    return f"init_from   {origin.name}: {len(fits)} of {len(own)} tensors; new: {names} ({classes})"


def _check_new(module: LightningModule, origin: Origin, new: Sequence[str]) -> str:
    """Check that tensors are new because of another number of classes; describe both numbers."""
    if missing := set(new) - origin.state.keys():
        raise _refusal(module, origin, f"has {_listed(module, missing)} in addition")
    own, prefix, numbers = module.state_dict(), _head_prefix(module), set()
    for name in new:
        before, now = _shape(origin, name), tuple(own[name].shape)
        is_head = prefix is not None and name.startswith(prefix)
        if not (is_head and before and now and before[1:] == now[1:]):
            what = f"has {_shown(module, name)} of shape {now}, and there it is {before}"
            raise _refusal(module, origin, what)
        numbers.add((before[0], now[0]))
    classes = getattr(module, "num_classes", None)
    if len(numbers) > 1 or classes not in (None, *(now for _, now in numbers)):
        raise _refusal(module, origin, "has a head of other widths")
    ((before_classes, now_classes),) = numbers
    return f"{before_classes} -> {now_classes} classes"


def _head_prefix(module: LightningModule) -> str | None:
    """How the names of the head's tensors begin; None if the net has no head."""
    prefix, net = ("net.", module.net) if isinstance(module, LitClassifier) else ("", module)
    name = head_name(net)
    return None if name is None else f"{prefix}{name}{'.' if name else ''}"


def _shape(origin: Origin, name: str) -> tuple[int, ...]:
    return tuple(origin.state[name].shape)


def _refusal(module: LightningModule, origin: Origin, what: str) -> InputError:
    return InputError(
        f"init_from {origin.name} does not fit: {type(module).__name__} {what}; only the number of "
        "classes may differ: use the model settings of that run, name another run, or leave out "
        "--init_from"
    )


def _listed(module: LightningModule, names: Collection[str]) -> str:
    shown = ", ".join(_shown(module, name) for name in sorted(names)[:3])
    return f"{shown} ({len(names)} in all)" if len(names) > 3 else shown


def _shown(module: LightningModule, name: str) -> str:
    return name.removeprefix("net.") if isinstance(module, LitClassifier) else name
