"""A convolutional neural network."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from deepdigits.models.layers import (
    IMAGE_SIZE,
    Normalize,
    check_dropout,
    check_sizes,
)
from deepdigits.models.shift_tta import check_shift_tta, mean_over_shifts

Downsample = Literal["pool", "stride", "keep"]


class CNN(nn.Module):
    """Stages of convolutions, one hidden linear layer and a linear output layer.

    A stage is a convolution, batch normalisation and ReLU. It halves the feature map, by 2x2 max
    pooling or by a stride of 2, without padding; or it keeps the size, with padding. Pooling comes
    before normalisation and ReLU, which then process a quarter of the values. The default net has
    1,056,178 parameters.

    Args:
        channels: Output channels of each stage.
        kernel_sizes: Kernel size of each stage, odd; as many as ``channels``.
        hidden_size: Width of the hidden linear layer. None: no hidden layer; the output layer takes
            the mean of each feature map.
        dropout: Dropout probability before the output layer.
        num_classes: Number of logits.
        downsample: For each stage ``pool``, ``stride`` or ``keep`` (the size stays); as many as
            ``channels``. None: ``pool`` in all stages but the last.
        shift_tta: Test-time augmentation: in evaluation mode, average the logits of the image and
            of four copies shifted by one pixel. A little more accurate, five times slower. A number
            from 0 to 1: only of images with a confidence below it, which is nearly as fast as none.
        crop: Pixels to leave out at each side of the image. MNIST's digits are 20 pixels high or
            wide, so 2 costs little accuracy and saves a quarter of the work.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> logits (B, num_classes).

    Raises:
        ValueError: ``channels``, ``kernel_sizes`` and ``downsample`` have different lengths, a
            size is not 1 to a million, ``dropout`` is not 0 to below 1, a value of ``downsample``
            is unknown, ``crop`` is negative, or the feature map becomes empty.

    >>> CNN(channels=[4, 8], kernel_sizes=[5, 3], hidden_size=16)(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 96),
        kernel_sizes: Sequence[int] = (5, 3, 3),
        hidden_size: int | None = 416,
        dropout: float = 0.3,
        num_classes: int = 10,
        downsample: Sequence[Downsample] | None = None,
        shift_tta: bool | float = False,
        crop: int = 0,
    ) -> None:
        super().__init__()
        pools: list[Downsample] = ["pool"] * (len(channels) - 1)
        modes = [*pools, "keep"] if downsample is None else downsample
        _check(channels, kernel_sizes, modes, hidden_size)
        check_sizes(num_classes=[num_classes])
        check_dropout(dropout)
        check_shift_tta(shift_tta)
        if type(crop) is not int or not 0 <= 2 * crop < IMAGE_SIZE:
            raise ValueError(f"crop is {crop!r}, expected 0 to {(IMAGE_SIZE - 1) // 2} pixels")
        stages: list[nn.Module] = []
        in_channels, size = 1, IMAGE_SIZE - 2 * crop
        for out_channels, kernel_size, mode in zip(channels, kernel_sizes, modes, strict=True):
            stages += _stage(in_channels, out_channels, kernel_size, mode)
            in_channels = out_channels
            if mode != "keep":
                size -= kernel_size - 1
                size = size // 2 if mode == "pool" else (size + 1) // 2
        if size < 1:
            raise ValueError(
                f"kernel_sizes {list(kernel_sizes)} and crop {crop} reduce the {IMAGE_SIZE}x"
                f"{IMAGE_SIZE} image to nothing: use fewer stages, smaller kernels or a lower crop"
            )
        self.shift_tta = shift_tta
        self.crop = crop
        self.normalize = Normalize()
        # channels_last is the faster memory layout for convolution and pooling, on CPU and GPU.
        self.features = nn.Sequential(*stages).to(memory_format=torch.channels_last)
        self.hidden = nn.Sequential(*_hidden(in_channels, size, hidden_size), nn.Dropout(dropout))
        self.head = nn.Linear(hidden_size or in_channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 1, 28, 28)."""
        if self.shift_tta and not self.training:
            below = None if self.shift_tta is True else self.shift_tta
            return mean_over_shifts(self._logits, images, below)
        return self._logits(images)

    def _logits(self, images: Tensor) -> Tensor:
        pixels = self.normalize(images)
        if self.crop:
            kept = slice(self.crop, -self.crop)
            pixels = pixels[:, :, kept, kept].contiguous()
        logits: Tensor = self.head(self.hidden(self.features(pixels)))
        return logits


def _stage(
    in_channels: int, out_channels: int, kernel_size: int, mode: Downsample
) -> list[nn.Module]:
    """Convolution, max pooling if the mode is ``pool``, batch normalisation, ReLU."""
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=2 if mode == "stride" else 1,
        padding=kernel_size // 2 if mode == "keep" else 0,
        bias=False,
    )
    pool = [nn.MaxPool2d(2)] if mode == "pool" else []
    return [conv, *pool, nn.BatchNorm2d(out_channels), nn.ReLU()]


def _hidden(in_channels: int, size: int, hidden_size: int | None) -> list[nn.Module]:
    """Layers from feature maps to a vector: a hidden linear layer, or the mean of each map."""
    if hidden_size is None:
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    linear = nn.Linear(in_channels * size * size, hidden_size, bias=False)
    return [nn.Flatten(), linear, nn.BatchNorm1d(hidden_size), nn.ReLU()]


def _check(
    channels: Sequence[int],
    kernel_sizes: Sequence[int],
    downsample: Sequence[str],
    hidden_size: int | None,
) -> None:
    """Raise a ValueError if the settings do not fit together."""
    hidden_sizes = [] if hidden_size is None else [hidden_size]
    check_sizes(channels=channels, kernel_sizes=kernel_sizes, hidden_size=hidden_sizes)
    for name, of_stage in (("kernel_sizes", kernel_sizes), ("downsample", downsample)):
        if not channels or len(channels) != len(of_stage):
            raise ValueError(
                f"channels is {list(channels)} and {name} is {list(of_stage)}, expected lists "
                "of the same length, for one stage or more"
            )
    if any(size % 2 == 0 for size in kernel_sizes):
        raise ValueError(f"kernel_sizes is {list(kernel_sizes)}, expected odd numbers")
    if unknown := set(downsample) - set(get_args(Downsample)):
        known = ", ".join(get_args(Downsample))
        raise ValueError(f"downsample has {', '.join(sorted(unknown))}, expected any of {known}")
