"""The classes of a net whose dataset is not known: as many as its logits, named by its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.core.errors import InputError, one_line
from deepdigits.models.layers import IMAGE_SIZE


def number_of_logits(net: nn.Module, path: Path) -> int:
    """The number of logits that a net gives for an image.

    Args:
        net: The net.
        path: The file of its weights, for errors.

    Raises:
        InputError: It does not map images (B, 1, 28, 28) to logits (B, C).
    """
    images = torch.zeros(3, 1, IMAGE_SIZE, IMAGE_SIZE)
    try:
        with torch.no_grad():
            logits = net(images)
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else None
        what = f"it gives {shape or type(logits).__name__} for 3 images"
    except Exception as error:  # any of the user's own code
        shape, what = None, one_line(error, 160)
    if shape is None or len(shape) != 2 or shape[0] != len(images) or shape[1] == 0:
        raise InputError(
            f"the net of {path} does not map images (B, 1, 28, 28) to logits (B, C), as "
            f"`classify`, `demo`, `export` and `load` need ({what}): give it such a `forward`, or "
            "use `deepdigits.Run(FOLDER).model()` in Python"
        )
    return shape[1]


def names_in_report(report: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """The names of the classes in a report, if it is of as many; else their numbers."""
    names = tuple(report.get("class", ()))
    return names if len(names) == number else tuple(map(str, range(number)))
