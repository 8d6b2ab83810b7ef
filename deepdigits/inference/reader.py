"""Inference with a trained net: digits of tensors, arrays and images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from deepdigits.images.detection import Detection, crop_digit, detect_digits
from deepdigits.inference.reading import Digit, Reading
from deepdigits.inference.rejection import CropPrediction, predict_with_tta
from deepdigits.models.layers import IMAGE_SIZE

BATCH_SIZE = 500  # of the fastest, in float32 and in bfloat16
MIN_BF16 = 256  # images of a batch; with fewer, bfloat16 is slower for some nets
IMAGES_AT_ONCE = 100  # whose digits go through the net together

Images = Tensor | NDArray[Any] | Image.Image | Sequence[Image.Image]


@dataclass(frozen=True, eq=False)
class DigitReader:
    """A trained net that reads tensors, arrays and images.

    Attributes:
        net: Images (B, 1, 28, 28) in [0, 1] -> logits (B, C); in evaluation mode on the CPU.
        name: The run, or the bundled net.
        class_names: Name of each class.
        report: The run's report; empty if it was not tested.
        bf16: Predict `MIN_BF16` images and more, given together, in bfloat16. Their probabilities
            differ from those of float32 by up to 0.01. Digits of photos are always predicted in
            float32.
    """

    net: nn.Module
    name: str
    class_names: tuple[str, ...]
    report: dict[str, Any] = field(default_factory=dict, repr=False)
    bf16: bool = False

    def __call__(self, images: Images) -> Tensor:
        """Class probabilities (B, C).

        Args:
            images: Digits in MNIST's form, light on dark: floats in [0, 1] or uint8 of shape
                (28, 28), (B, 28, 28) or (B, 1, 28, 28). Or Pillow images of any kind and size, each
                of one digit, which are brought into that form first.

        Raises:
            ValueError: Wrong shape, type or range.
        """
        return self.logits(to_images(images), self.bf16).softmax(dim=1)

    def logits(self, images: Tensor, bf16: bool = False) -> Tensor:
        """Logits (B, C) in float32, of images (B, 1, 28, 28) in [0, 1] on the device of the net.

        Args:
            images: Any number; they go through the net in batches of `BATCH_SIZE`.
            bf16: Predict `MIN_BF16` images and more, given together, in bfloat16.
        """
        bf16 = bf16 and len(images) >= MIN_BF16
        with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, bf16):
            return torch.cat([self.net(batch).float() for batch in torch.split(images, BATCH_SIZE)])

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
        """Read images one after the other, in batches that are faster than `read` for each.

        Raises:
            InputError: An image is too large.
        """
        return self.read_detected(map(detect_digits, images))

    def read_detected(self, detected: Iterable[Sequence[Detection]]) -> Iterator[Reading]:
        """Read images whose digits are detected: the digits of many go through the net together.

        Args:
            detected: The digits of each image.
        """
        images = iter(detected)
        while group := list(islice(images, IMAGES_AT_ONCE)):
            digits = iter(self.classify([one for detections in group for one in detections]))
            for detections in group:
                yield Reading(list(islice(digits, len(detections))), self.class_names)

    def classify(
        self, detections: Sequence[Detection], probabilities: Tensor | None = None
    ) -> list[Digit]:
        """Predict digits that were detected in images.

        Args:
            detections: The digits.
            probabilities: Of their crops, (N, C), if they are known already.
        """
        if not detections:
            return []
        crops = np.stack([one.crop for one in detections])
        known = None if probabilities is None else probabilities.numpy()
        predictions = predict_with_tta(self._exact, crops, known)
        return [_digit(*pair) for pair in zip(detections, predictions, strict=True)]

    def _exact(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (N, C) of crops (N, 28, 28), in float32: the same in any batch."""
        probabilities: NDArray[np.float32] = self.logits(to_images(crops)).softmax(dim=1).numpy()
        return probabilities


def _digit(detection: Detection, prediction: CropPrediction) -> Digit:
    probs = prediction.probabilities
    second, best = (int(label) for label in np.argsort(probs, kind="stable")[-2:])
    label = best if prediction.is_digit else None
    return Digit(label, second, probs, detection.box, prediction.crop)


def to_images(images: Images) -> Tensor:
    """The input of a net: float32 (B, 1, 28, 28) in [0, 1]; arguments as for `DigitReader`.

    Raises:
        ValueError: Wrong shape, type or range.

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
