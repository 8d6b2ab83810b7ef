"""Test-time augmentation by shifts: the mean of an image and of four copies, all or a cascade."""

from collections.abc import Callable
from copy import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdigits.models.torch_compat import assume_not_empty

LogitsFn = Callable[[Tensor], Tensor]
CORNERS = ((0, 1), (1, 0), (1, 2), (2, 1))  # top and left of each copy in the padded image
CHUNK = 256  # images of a forward pass: enough for full speed, and little memory


def shifted_copies(images: Tensor) -> Tensor:
    """Four copies of each image, shifted by one pixel in each direction.

    Args:
        images: (B, 1, H, W).

    Returns:
        (4 * B, 1, H, W): the first copies of all images, then the second ones. The gap at the
        border is filled with 0.

    >>> shifted_copies(torch.eye(2)[None, None]).flatten(1).tolist()[0]
    [0.0, 0.0, 1.0, 0.0]
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (1, 1, 1, 1))
    return torch.cat(
        [padded[..., top : top + height, left : left + width] for top, left in CORNERS]
    )


def mean_over_shifts(net: LogitsFn, images: Tensor, below: float | None = None) -> Tensor:
    """Average the logits of images and of four shifted copies; the five are one batch.

    With ``below`` it is a cascade: first all images, then the copies of the unclear ones only.
    Most images then take one forward pass in place of five.

    Args:
        net: Images (B, 1, H, W) -> logits (B, C).
        images: (B, 1, H, W).
        below: An image is unclear if its confidence, the highest probability of a class, is below
            this. None: all are.

    Returns:
        Logits (B, C): the mean over five, or of a clear image its own.

    >>> corner = torch.tensor([[[[0.0, 5.0], [0.0, 0.0]]]])
    >>> mean_over_shifts(nn.Flatten(), corner)  # two shifts move it out of the image
    tensor([[1., 1., 0., 1.]])
    >>> mean_over_shifts(nn.Flatten(), corner, below=0.9)  # its confidence is 0.98
    tensor([[0., 5., 0., 0.]])
    """
    if below is None:
        logits = _in_chunks(net, torch.cat([images, shifted_copies(images)]), images.shape[0])
        return _grouped(logits, 5).sum(0) / 5
    logits = net(images)
    unclear = is_unclear(logits, below).nonzero().squeeze(1)
    if torch.compiler.is_exporting():
        # The graph has no if: without unclear images, the copies are a batch of 0. Batch
        # normalisation is only traced for 1 and more.
        assume_not_empty(unclear)
    elif not len(unclear):
        return logits
    copies = _in_chunks(net, shifted_copies(images[unclear]), images.shape[0])
    mean = (logits[unclear] + _grouped(copies, 4).sum(0)) / 5
    return logits.index_copy(0, unclear, mean)


def is_unclear(logits: Tensor, below: float) -> Tensor:
    """Whether the confidence of each image, from logits (B, C), is below a number: bool (B,)."""
    return logits.float().softmax(dim=1).amax(dim=1) < below


def check_shift_tta(shift_tta: bool | float) -> None:
    """Check the setting ``shift_tta`` of a net.

    Raises:
        ValueError: It is no bool and no number from 0 to 1.

    >>> check_shift_tta(5)
    Traceback (most recent call last):
    ValueError: shift_tta is 5, expected true, false, or a confidence from 0 to 1
    """
    is_number = isinstance(shift_tta, bool | int | float)
    if not is_number or not 0 <= shift_tta <= 1:
        raise ValueError(
            f"shift_tta is {shift_tta}, expected true, false, or a confidence from 0 to 1"
        )


def with_shift_tta(net: nn.Module, shift_tta: bool | float) -> nn.Module:
    """A net with another setting of ``shift_tta``; the copy shares the weights.

    A net without that setting is returned as it is.
    """
    current = getattr(net, "shift_tta", None)
    if current is None or (current is shift_tta):
        return net
    other = copy(net)
    other.shift_tta = shift_tta  # type: ignore[assignment]  # nn.Module's attributes have any type
    return other


def _grouped(logits: Tensor, views: int) -> Tensor:
    """Logits (views * B, C) as (views, B, C)."""
    return logits.reshape(views, logits.shape[0] // views, logits.shape[1])


def _in_chunks(net: LogitsFn, images: Tensor, size: int) -> Tensor:
    """The logits of images in batches of at most ``size``, or of `CHUNK` if that is more.

    So the copies take no more memory than the images did.
    """
    if torch.compiler.is_exporting() or len(images) <= max(size, CHUNK):
        return net(images)
    return torch.cat([net(chunk) for chunk in torch.split(images, max(size, CHUNK))])
