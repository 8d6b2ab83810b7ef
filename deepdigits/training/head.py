"""The head of a net, its last layer, and the training of the head alone."""

from typing import Literal

from torch import nn

from deepdigits.core.errors import InputError

Freeze = Literal["body", "none"]


def head_name(net: nn.Module) -> str | None:
    """The name of the head in a net: ``head``, else the last linear layer; None: it has neither.

    >>> head_name(nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 10)))
    '3'
    >>> head_name(nn.Sequential(nn.Conv2d(1, 10, 28), nn.Flatten()))
    """
    head = getattr(net, "head", None)
    if isinstance(head, nn.Module) and next(head.parameters(), None) is not None:
        return "head"
    linear = [name for name, one in net.named_modules() if isinstance(one, nn.Linear)]
    return linear[-1] if linear else None


def check_freeze(freeze: str, net: nn.Module) -> None:
    """Check that a net has what is to be trained.

    Raises:
        InputError: The value is unknown, or the body is to be frozen and the net has no head.
    """
    if freeze not in ("body", "none"):
        raise InputError(f"freeze is {freeze!r}, expected body or none")
    if freeze == "body" and head_name(net) is None:
        raise InputError(
            f"freeze is body, and {type(net).__name__} has no head: expected a layer named `head`, "
            "or a linear layer; name its last layer `head`, or leave out --model.freeze"
        )


def freeze_body(module: nn.Module, net: nn.Module) -> None:
    """Let the parameters of the head alone have gradients; the body is in evaluation mode.

    Args:
        module: The module that is trained; all its other parameters are frozen too.
        net: The net in it, which has a head.
    """
    head = _head(net)
    module.requires_grad_(False)
    head.requires_grad_(True)
    evaluate_body(module, net)


def evaluate_body(module: nn.Module, net: nn.Module) -> None:
    """Put all layers but the head into evaluation mode, whatever the mode of the module is.

    The statistics of batch normalisation stay as they are, and dropout is off. What contains the
    head, such as the net itself, keeps its mode.
    """
    _evaluate_all_but(_head(net), module)


def _head(net: nn.Module) -> nn.Module:
    name = head_name(net)
    assert name is not None  # see check_freeze
    return net.get_submodule(name)


def _evaluate_all_but(head: nn.Module, module: nn.Module) -> None:
    for child in module.children():
        if child is head:
            continue
        if any(one is head for one in child.modules()):
            _evaluate_all_but(head, child)
        else:
            child.eval()
