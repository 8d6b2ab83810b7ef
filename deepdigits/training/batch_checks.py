"""Check that a net and the batches of a data module fit together, with errors of one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.failures import explain
from deepdigits.data.module import DigitsDataModule
from deepdigits.models.layers import IMAGE_SIZE

_GREY = (1, IMAGE_SIZE, IMAGE_SIZE)
_OF_SHAPE = re.compile("shape|size|channel|dimension", re.I)


def example_images(module: LightningModule, net: nn.Module, data: Any) -> Tensor | None:
    """Images like those that a net takes, in its precision; None if their shape is not known.

    They are the ``example_input_array`` of the module, else that of its net. Without both they are
    grey images of 28 x 28 pixels, unless a data module of the user's own, `data`, may have others.
    """
    example: Any = module.example_input_array
    if example is None:
        example = getattr(net, "example_input_array", None)
    if isinstance(example, list | tuple) and len(example) == 1:
        example = example[0]
    if example is None:
        if data is not None and not isinstance(data, DigitsDataModule):
            return None
        example = torch.zeros(2, *_GREY)
    if not isinstance(example, Tensor) or example.ndim == 0:
        return None  # for a net with other inputs
    weights = (p for p in net.parameters() if p.is_floating_point())
    like = next(weights, None)
    return example if like is None else example.to(like.device, like.dtype)


@torch.no_grad()
def logits_shape(net: nn.Module, images: Tensor) -> tuple[int, ...]:
    """The shape of the logits of a net in evaluation mode; the net stays as it is."""
    modes = {part: part.training for part in net.modules()}
    try:
        shape = tuple(net.eval()(images).shape)
    finally:
        for part, mode in modes.items():
            part.training = mode
    return shape


def images_and_labels(batch: Any, module: LightningModule) -> tuple[Tensor, Tensor]:
    """Images and labels of a batch.

    Raises:
        InputError: The batch is something else.
    """
    is_pair = isinstance(batch, list | tuple) and len(batch) == 2
    if not is_pair or not all(isinstance(part, Tensor) for part in batch):
        parts = [type(part).__name__ for part in batch] if isinstance(batch, list | tuple) else []
        shown = f" ({', '.join(parts[:4])})" if parts else ""
        raise InputError(
            f"the batches of {_data_name(module)} are a {type(batch).__name__}{shown}, and "
            f"{type(module).__name__} expects (images, labels): change the data module, or "
            "override the steps of the net"
        )
    return batch[0], batch[1]


@contextmanager
def explained(module: LightningModule, net: nn.Module, images: Tensor) -> Iterator[None]:
    """Turn the failure of a net on images of a shape that it cannot take into an error of one line.

    Raises:
        InputError: The net cannot take the images.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if "more than 1 value per channel" in str(error):
            raise InputError(
                f"a batch has one image, and the batch normalisation of {type(net).__name__} needs "
                "two or more in training: choose a larger data.batch_size"
            ) from error
        if not _OF_SHAPE.search(str(error)) or explain("", error) is not None:
            raise
        example = module.example_input_array
        wanted = (
            f", unlike its example_input_array {tuple(example.shape)},"
            if (isinstance(example, Tensor) and example.shape[1:] != images.shape[1:])
            else ""
        )
        raise InputError(
            f"{type(net).__name__} cannot take the images {tuple(images.shape)} of "
            f"{_data_name(module)}{wanted} ({one_line(error, 160).partition(': ')[0]}): choose a "
            "net for such images, or a data module with images for this net"
        ) from error


@contextmanager
def explained_labels(module: LightningModule, labels: Tensor) -> Iterator[None]:
    """Turn the failure of a loss on wrong labels into an error of one line.

    Raises:
        InputError: The labels are no whole numbers below the number of classes.
    """
    try:
        yield
    except (IndexError, ValueError, RuntimeError) as error:
        number: Any = module.num_classes
        is_list = labels.ndim == 1 and labels.dtype == torch.int64
        if is_list and (not len(labels) or 0 <= int(labels.min()) <= int(labels.max()) < number):
            raise
        found = f"{labels.dtype} {tuple(labels.shape)}".removeprefix("torch.")
        if is_list:
            found += f" from {int(labels.min())} to {int(labels.max())}"
        raise InputError(
            f"the labels of {_data_name(module)} are {found}, expected int64 (B,) from 0 to "
            f"{number - 1}: correct the labels, or num_classes of the data module"
        ) from error


def check_logits(module: LightningModule, net: nn.Module, shape: Any, images: int) -> None:
    """Check that a net gives each image one logit for each class of the dataset.

    Args:
        module: The module of the net, with ``num_classes``.
        net: The net.
        shape: The shape of its logits.
        images: Number of images that it was given.

    Raises:
        InputError: It does not.
    """
    classes = num_classes(module)
    if tuple(shape) != (images, classes):
        raise InputError(
            f"{type(net).__name__} gives logits {tuple(shape)} for {images} images and "
            f"num_classes is {module.num_classes}, but the dataset has {classes} classes: give "
            "the net one logit per class (the command line sets num_classes from the dataset)"
        )


def num_classes(module: LightningModule) -> int:
    """The number of classes of a module, which must be that of the dataset, if it says so.

    Raises:
        InputError: It is another one.
    """
    known: Any = module.num_classes
    classes = getattr(module.trainer.datamodule, "num_classes", None)  # type: ignore[attr-defined]
    if classes is not None and classes != known:
        raise InputError(
            f"{type(module).__name__} has num_classes {known}, but the dataset has {classes} "
            "classes (the command line sets num_classes from the dataset)"
        )
    return int(known)


def _data_name(module: LightningModule) -> str:
    data = module.trainer.datamodule  # type: ignore[attr-defined]
    return "the loader" if data is None else type(data).__name__
