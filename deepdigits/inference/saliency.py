"""Saliency maps: which parts of a digit a prediction depends on."""

from functools import cache

import torch
from torch import Tensor, nn

from deepdigits.models.layers import IMAGE_SIZE


def occlusion(net: nn.Module, image: Tensor, label: int, patch: int = 6, step: int = 2) -> Tensor:
    """Occlusion map: how much the probability of a class drops when a part of the image is covered.

    A square of background is moved over the image (Zeiler and Fergus, 2014). A pixel's value is the
    mean drop of the class's log-probability over the squares that cover the pixel.

    Args:
        net: In evaluation mode: images (B, 1, 28, 28) -> logits (B, C).
        image: (28, 28) in [0, 1], light on dark.
        label: The class.
        patch: Side of the square, in pixels.
        step: Pixels between its positions.

    Returns:
        (28, 28): above 0 if a pixel is evidence for the class, below 0 if against it.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 2, bias=False))
    >>> _ = net[1].weight.data.zero_()
    >>> net[1].weight.data[1, :392] = 0.01  # class 1 for ink in the upper half
    >>> drop = occlusion(net, torch.ones(28, 28), 1)
    >>> bool(drop[:10].min() > 0), float(drop[-6:].abs().max())
    (True, 0.0)
    """
    covers = _squares(patch, step)
    changes = (image * covers).flatten(1).any(dim=1)  # a square without ink covers nothing
    images = torch.cat([image[None], image * (1 - covers[changes])]).unsqueeze(1)
    with torch.inference_mode():
        scores = net(images).log_softmax(dim=1)[:, label]
        drops = torch.zeros(len(covers))
        drops[changes] = scores[0] - scores[1:]
    summed: Tensor = (drops[:, None, None] * covers).sum(dim=0)
    return summed / covers.sum(dim=0)


@cache
def _squares(patch: int, step: int) -> Tensor:
    """A mask (28, 28) for each position of the square: 1 inside of it."""
    starts = range(0, IMAGE_SIZE - patch + 1, step)
    places = [(top, left) for top in starts for left in starts]
    covers = torch.zeros(len(places), IMAGE_SIZE, IMAGE_SIZE)
    for cover, (top, left) in zip(covers, places, strict=True):
        cover[top : top + patch, left : left + patch] = 1
    return covers
