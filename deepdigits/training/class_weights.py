"""Weights of the classes in the training loss, for datasets with rare classes."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.core.limits import Limits
from deepdigits.data.module import DigitsDataModule

ClassWeights = Sequence[float] | Literal["balanced"] | None


def check_class_weights(class_weights: ClassWeights, num_classes: int) -> None:
    """Check the setting.

    Raises:
        InputError: It is no list of a number from 0 on for each class, or all of them are 0.
    """
    if class_weights is None or class_weights == "balanced":
        return
    if isinstance(class_weights, str) or len(class_weights) != num_classes:
        raise InputError(
            f"class_weights is {class_weights!r}, expected balanced, or a list of "
            f"{num_classes} numbers, one for each class"
        )
    for weight in class_weights:
        Limits(0).check("a number of class_weights", weight)
    if not any(class_weights):
        raise InputError("class_weights are all 0: give one class or more a weight above 0")


def class_weights_of(class_weights: ClassWeights, num_classes: int, data: Any) -> Tensor | None:
    """The weight of each class, float32 (C,), for `torch.nn.functional.cross_entropy`.

    ``balanced`` is N / (C * n) for a class with n of the N training images, so the classes count
    the same: King and Zeng (2001), as in scikit-learn. A class without images has the weight 0.

    Args:
        class_weights: The setting.
        num_classes: C.
        data: The data module, after its ``setup``.

    Raises:
        InputError: ``balanced``, and the data module is not one that knows its training labels.

    >>> class_weights_of([1, 2], 2, None)
    tensor([1., 2.])
    """
    if class_weights is None:
        return None
    if class_weights != "balanced":
        return torch.tensor(class_weights, dtype=torch.float32)
    if not isinstance(data, DigitsDataModule):
        raise InputError(
            f"class_weights is balanced, and {type(data).__name__} is no DigitsDataModule, which "
            f"knows its training labels: give a list of {num_classes} numbers"
        )
    counts = data.images_and_labels("train")[1].bincount(minlength=num_classes).to(torch.float64)
    weights = torch.where(counts > 0, counts.sum() / (num_classes * counts), 0.0)
    return weights.to(torch.float32).cpu()
