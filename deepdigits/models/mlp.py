"""A multilayer perceptron."""

from collections.abc import Sequence

from torch import Tensor, nn

from deepdigits.models.layers import (
    IMAGE_SIZE,
    Normalize,
    check_dropout,
    check_sizes,
)
from deepdigits.models.shift_tta import check_shift_tta, mean_over_shifts


class MLP(nn.Module):
    """Fully connected layers with ReLU: 784-128-64-10 by default, 109,770 parameters.

    Args:
        hidden_sizes: Width of each hidden layer. ``[]`` is multinomial logistic regression.
        dropout: Dropout probability after each hidden layer.
        norm: Use batch normalisation after each hidden linear layer.
        num_classes: Number of logits.
        shift_tta: Test-time augmentation: in evaluation mode, average the logits of the image and
            of four copies shifted by one pixel. A little more accurate, five times slower. A number
            from 0 to 1: only of images with a confidence below it, which is nearly as fast as none.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> logits (B, num_classes).

    Raises:
        ValueError: A size is not 1 to a million, or ``dropout`` is not 0 to below 1.

    >>> import torch
    >>> MLP(hidden_sizes=[32])(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        norm: bool = True,
        num_classes: int = 10,
        shift_tta: bool | float = False,
    ) -> None:
        super().__init__()
        check_sizes(hidden_sizes=hidden_sizes, num_classes=[num_classes])
        check_dropout(dropout)
        check_shift_tta(shift_tta)
        layers: list[nn.Module] = []
        width = IMAGE_SIZE * IMAGE_SIZE
        for size in hidden_sizes:
            # Batch normalisation makes the bias redundant; it stays, so that the net is the usual
            # 784-128-64-10 with and without `norm`.
            layers.append(nn.Linear(width, size))
            if norm:
                layers.append(nn.BatchNorm1d(size))
            layers.append(nn.ReLU())
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = size
        self.shift_tta = shift_tta
        self.normalize = Normalize()
        self.features = nn.Sequential(nn.Flatten(), *layers)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 1, 28, 28)."""
        if self.shift_tta and not self.training:
            below = None if self.shift_tta is True else self.shift_tta
            return mean_over_shifts(self._logits, images, below)
        return self._logits(images)

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(self.normalize(images)))
        return logits
