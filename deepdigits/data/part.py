"""The images of a split, with their labels and their places in the dataset."""

from typing import NamedTuple

from torch import Tensor


class Part(NamedTuple):
    """A part of a dataset.

    Attributes:
        images: uint8 (N, 28, 28).
        labels: int64 (N,).
        places: Place of each image in the training images of the dataset, in their original order,
            int64 (N,); or in the images of its test or validation split, if they are of that.
    """

    images: Tensor
    labels: Tensor
    places: Tensor

    def take(self, chosen: Tensor) -> "Part":
        """Some of the images, by a mask (N,) or by indices."""
        return Part(self.images[chosen], self.labels[chosen], self.places[chosen])
