"""A small convolutional net."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepdigits.models.layers import IMAGE_SIZE, Normalize, check_sizes


class CNN(nn.Module):
    """Convolutions with batch normalisation, one hidden linear layer, logits: 1,056,178 parameters.

    Each stage is a convolution, batch normalisation and ReLU. All stages but the last shrink the
    map: the convolution is not padded and a 2x2 max-pool follows it. The last stage keeps the size
    (it is padded). Pooling comes before normalisation and ReLU: the result differs little, the work
    is a quarter.

    Args:
        channels: Output channels of each stage.
        kernel_sizes: Odd kernel size of each stage, as many as ``channels``.
        hidden_size: Width of the hidden linear layer.
        dropout: Share of hidden activations set to zero while training.
        num_classes: Number of logits.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> logits (B, num_classes).

    Raises:
        ValueError: ``channels`` and ``kernel_sizes`` differ in length, a size is below 1, or the
            map shrinks to nothing.

    >>> CNN(channels=[4, 8], kernel_sizes=[5, 3], hidden_size=16)(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 96),
        kernel_sizes: Sequence[int] = (5, 3, 3),
        hidden_size: int = 416,
        dropout: float = 0.3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        check_sizes(channels=channels, kernel_sizes=kernel_sizes, hidden_size=[hidden_size])
        if not channels or len(channels) != len(kernel_sizes):
            raise ValueError(
                f"channels {list(channels)} and kernel_sizes {list(kernel_sizes)} must name the "
                "same stages, one or more: give both the same length"
            )
        if any(size % 2 == 0 for size in kernel_sizes):
            raise ValueError(f"kernel_sizes is {list(kernel_sizes)}, expected odd numbers")
        stages: list[nn.Module] = []
        in_channels, size = 1, IMAGE_SIZE
        for stage, out_channels in enumerate(channels):
            kernel_size, last = kernel_sizes[stage], stage == len(channels) - 1
            padding = kernel_size // 2 if last else 0
            conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)
            pool = [] if last else [nn.MaxPool2d(2)]
            stages += [conv, *pool, nn.BatchNorm2d(out_channels), nn.ReLU()]
            in_channels = out_channels
            size = size if last else (size - kernel_size + 1) // 2
        if size < 1:
            raise ValueError(
                f"kernel_sizes {list(kernel_sizes)} shrink the {IMAGE_SIZE}x{IMAGE_SIZE} image to "
                "nothing: use fewer stages or smaller kernels"
            )
        self.normalize = Normalize()
        # channels_last is the faster memory layout for convolution and pooling, on CPU and GPU.
        self.features = nn.Sequential(*stages).to(memory_format=torch.channels_last)
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Linear(in_channels * size * size, hidden_size, bias=False),
            nn.BatchNorm1d(hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 1, 28, 28)."""
        logits: Tensor = self.head(self.hidden(self.features(self.normalize(images))))
        return logits
