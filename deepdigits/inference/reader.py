"""A net with its hands and eyes: digits of tensors, arrays and images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from deepdigits.images import Crop, Detection, crop_digit, detect_digits
from deepdigits.inference.rejection import CropPrediction, predict_with_tta
from deepdigits.models.layers import IMAGE_SIZE

REJECTED = "?"
BATCH = 1_000
READ_AT_ONCE = 100  # images

Images = Tensor | NDArray[Any] | Image.Image | Sequence[Image.Image]


@dataclass(frozen=True)
class Digit:
    """What a net says of one digit of an image.

    Attributes:
        label: The class; None where it is no digit: see `deepdigits.inference.rejection`.
        runner_up: The second best class.
        probabilities: Of all classes, (C,).
        box: Left, top, right and bottom, in pixels of the image.
        crop: What the net saw: uint8 (28, 28).
    """

    label: int | None
    runner_up: int
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    crop: Crop

    @property
    def best(self) -> int:
        """The most probable class, sure or not."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the most probable class."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Reading:
    """All digits of an image, in reading order."""

    digits: list[Digit]
    class_names: Sequence[str]

    @property
    def text(self) -> str:
        """The number, with a question mark for what is no digit; empty where nothing is one."""
        if all(digit.label is None for digit in self.digits):
            return ""
        return self._text([digit.label for digit in self.digits])

    @property
    def confidence(self) -> float | None:
        """Product of the digits' confidences; None where there is no digit."""
        return float(np.prod([digit.confidence for digit in self.digits])) if self.text else None

    @property
    def runner_up(self) -> str | None:
        """The second most probable number: one digit is its runner-up; None without a digit."""
        if not self.text:
            return None
        odds = [d.probabilities[d.runner_up] / d.probabilities[d.best] for d in self.digits]
        weakest = int(np.argmax(odds))
        labels = [digit.label for digit in self.digits]
        labels[weakest] = self.digits[weakest].runner_up
        return self._text(labels)

    def _text(self, labels: Sequence[int | None]) -> str:
        names = self.class_names
        return "".join(REJECTED if label is None else names[label] for label in labels)


@dataclass(frozen=True, eq=False)
class DigitReader:
    """A trained net, in evaluation mode on the CPU, and what is known of it.

    Attributes:
        net: Images (B, 1, 28, 28) in [0, 1] -> logits (B, C).
        name: The run or the list_models net.
        class_names: Name of each class.
        report: The run's report; empty where it was not tested.
    """

    net: nn.Module
    name: str
    class_names: tuple[str, ...]
    report: dict[str, Any] = field(default_factory=dict, repr=False)

    def __call__(self, images: Images) -> Tensor:
        """Class probabilities (B, C).

        Args:
            images: Digits light on dark as MNIST has them: floats in [0, 1] or uint8 of shape
                (28, 28), (B, 28, 28) or (B, 1, 28, 28). Or Pillow images of any kind and size, a
                digit each, which are brought into that form first.

        Raises:
            ValueError: Shape, type or range is another.
        """
        with torch.inference_mode():
            batches = torch.split(to_images(images), BATCH)
            return torch.cat([self.net(batch).float().softmax(dim=1) for batch in batches])

    def predict(self, images: Images) -> list[str]:
        """The class of each image; arguments and errors as for a call."""
        return [self.class_names[label] for label in self(images).argmax(dim=1).tolist()]

    def read(self, image: Image.Image) -> Reading:
        """Find and read every digit of a photo or drawing.

        Raises:
            InputError: The image is too large.
        """
        return next(self.read_all([image]))

    def read_all(self, images: Iterable[Image.Image]) -> Iterator[Reading]:
        """As `read`, one image after the other, the digits of many at once through the net.

        Raises:
            InputError: An image is too large.
        """
        found_in_each = map(detect_digits, images)
        while some := list(islice(found_in_each, READ_AT_ONCE)):
            digits = iter(self.answers([one for found in some for one in found]))
            for found in some:
                yield Reading(list(islice(digits, len(found))), self.class_names)

    def answers(self, found: Sequence[Detection]) -> list[Digit]:
        """What the net says of digits that were found in images."""
        if not found:
            return []
        looks = predict_with_tta(self._ask, np.stack([one.crop for one in found]))
        return [_answer(one, seen) for one, seen in zip(found, looks, strict=True)]

    def _ask(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = self(crops).numpy()
        return probabilities


def _answer(found: Detection, seen: CropPrediction) -> Digit:
    second, best = (int(c) for c in np.argsort(seen.probabilities, kind="stable")[-2:])
    label = best if seen.is_digit else None
    return Digit(label, second, seen.probabilities, found.box, seen.crop)


def to_images(images: Images) -> Tensor:
    """As nets take them: float32 (B, 1, 28, 28) in [0, 1]. Arguments as for `DigitReader`.

    Raises:
        ValueError: Shape, type or range is another.

    >>> to_images(np.full((2, 28, 28), 255, np.uint8)).shape
    torch.Size([2, 1, 28, 28])
    >>> to_images(Image.new("L", (300, 200))).max()
    tensor(0.)
    >>> to_images(torch.ones(32, 32))
    Traceback (most recent call last):
    ValueError: images have shape (32, 32), expected (28, 28), (B, 28, 28) or (B, 1, 28, 28)
    """
    if isinstance(images, Image.Image):
        images = [images]
    if not isinstance(images, Tensor | np.ndarray):
        images = np.stack([crop_digit(image) for image in images])
    tensor = torch.as_tensor(images)
    side = (IMAGE_SIZE, IMAGE_SIZE)
    shape = tuple(tensor.shape)
    if shape[-2:] != side or len(shape) > 4 or (len(shape) == 4 and shape[1] != 1):
        raise ValueError(
            f"images have shape {shape}, expected (28, 28), (B, 28, 28) or (B, 1, 28, 28)"
        )
    if tensor.dtype == torch.uint8:
        tensor = tensor.float() / 255
    elif not tensor.is_floating_point():
        raise ValueError(f"images are {tensor.dtype}, expected uint8, or floats in [0, 1]")
    if tensor.numel() and not (tensor.min() >= 0 and tensor.max() <= 1):
        raise ValueError("images have values outside [0, 1], expected floats in [0, 1], or uint8")
    return tensor.float().reshape(-1, 1, *side)
