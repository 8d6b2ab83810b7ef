"""Layers and functions for all nets."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IMAGE_SIZE = 28
LARGEST = 1_000_000  # units of a layer: a larger one is a slip, and fits into no memory


class Normalize(nn.Module):
    """Check the shape of images, and normalize their pixels to zero mean and unit variance.

    It is the first layer of each net, so that exported nets, too, take pixels in [0, 1].

    Args:
        mean: Mean pixel of the training images, in [0, 1]. The default is MNIST's.
        std: Standard deviation of the pixels. The default is MNIST's.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> (B, 1, 28, 28).

    Raises:
        ValueError: The images have a different shape.

    >>> Normalize(mean=0.5, std=0.25)(torch.ones(1, 1, 28, 28)).unique()
    tensor([2.])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float = 0.1307, std: float = 0.3081) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalized images (B, 1, 28, 28)."""
        if images.ndim != 4 or tuple(images.shape[1:]) != (1, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(
                f"images have shape {tuple(images.shape)}, expected (batch, 1, {IMAGE_SIZE}, "
                f"{IMAGE_SIZE}): one grey channel; add missing axes with images.reshape(-1, 1, "
                f"{IMAGE_SIZE}, {IMAGE_SIZE})"
            )
        # In the precision of the net: half precision with Trainer(precision="bf16-true").
        return ((images - self.mean) / self.std).to(self.mean.dtype)


def check_sizes(**sizes: Sequence[int]) -> None:
    """Check that each layer has one unit or more, and no more than a million.

    Raises:
        ValueError: A size is below 1, or above a million.

    >>> check_sizes(hidden_sizes=[128, 0])
    Traceback (most recent call last):
    ValueError: hidden_sizes is [128, 0], expected numbers of 1 or more, to 1000000
    """
    for name, values in sizes.items():
        if not all(1 <= value <= LARGEST for value in values):
            raise ValueError(
                f"{name} is {list(values)}, expected numbers of 1 or more, to {LARGEST}"
            )


def check_dropout(dropout: float) -> None:
    """Check a dropout probability: with 1 nothing would be left.

    Raises:
        ValueError: It is not a number from 0 to below 1.

    >>> check_dropout(1.5)
    Traceback (most recent call last):
    ValueError: dropout is 1.5, expected a number from 0 to below 1
    """
    if dropout is None or not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}, expected a number from 0 to below 1")


def penultimate(net: nn.Module, images: Tensor) -> Tensor:
    """The input (B, F) of the last linear layer of a net, in evaluation mode.

    Args:
        net: A net with a linear output layer.
        images: (B, 1, 28, 28) in [0, 1], on the device of the net.

    Raises:
        ValueError: The net has no linear layer, or does not call its last one.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 10))
    >>> penultimate(net, torch.rand(3, 1, 28, 28)).shape
    torch.Size([3, 5])
    """
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(net).__name__} has no linear layer, expected a linear output layer"
        )
    features: list[Tensor] = []
    hook = linear[-1].register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    was_training = net.training
    with torch.no_grad():
        net.eval()(images)
    net.train(was_training)
    hook.remove()
    if not features:
        raise ValueError(f"{type(net).__name__} does not call its last linear layer")
    return features[0]
