"""The result of reading an image: its digits, and the number that they make."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepdigits.images.normalization import Crop

REJECTED = "?"


@dataclass(frozen=True)
class Digit:
    """The prediction of one digit of an image.

    Attributes:
        label: The class; None if it was rejected: see `deepdigits.inference.rejection`.
        runner_up: The second best class.
        probabilities: Of all classes, (C,).
        box: Left, top, right and bottom, in pixels of the image.
        crop: The input of the net: uint8 (28, 28).
    """

    label: int | None
    runner_up: int
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    crop: Crop

    @property
    def best(self) -> int:
        """The most probable class, also of a rejected digit."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the most probable class."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Reading:
    """The digits of an image and the number that they make.

    Attributes:
        digits: In reading order.
        class_names: Name of each class.
        name: Name of the image, such as its path; empty if it has none.
    """

    digits: list[Digit]
    class_names: Sequence[str]
    name: str = ""

    @property
    def text(self) -> str:
        """The number, with a question mark for each rejected digit; empty if all are rejected."""
        if all(digit.label is None for digit in self.digits):
            return ""
        return self._text([digit.label for digit in self.digits])

    @property
    def confidence(self) -> float | None:
        """Product of the digits' confidences; None if there is no digit."""
        return float(np.prod([digit.confidence for digit in self.digits])) if self.text else None

    @property
    def runner_up(self) -> str | None:
        """The number with its least certain digit's runner-up; None without digits."""
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
