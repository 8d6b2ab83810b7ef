"""Find images that are in a dataset more than once: exactly, or nearly the same pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

NEAR = 0.99  # correlation of pixels; JPEG at quality 75, half the contrast, or noise keep above it
_COARSE = (
    0.995  # of the means of 4x4 pixels, which keep above 0.997 then; checked first, as it is fast
)
_BLOCK = 2_000  # images compared at a time with all that may be alike
_CHECKED = 100_000  # pairs whose pixels are compared at a time


@dataclass(frozen=True)
class Duplicates:
    """Images that repeat another one, as pairs of places in the whole list.

    Attributes:
        exact: Place of the first of equal images, and of each further one, int64 (E, 2).
        near: Pairs of different images whose correlation is above `NEAR`, int64 (P, 2).
    """

    exact: NDArray[np.int64]
    near: NDArray[np.int64]


def find_duplicates(images: NDArray[np.uint8]) -> Duplicates:
    """Compare each image with each other one.

    Two images are nearly the same if the correlation of their pixels is above `NEAR`: brightness
    and contrast do not count, a shift does. In the 70,000 digits of MNIST three pairs of a 1 are
    that similar by chance.

    Args:
        images: uint8 (N, 28, 28).

    >>> image = np.random.default_rng(0).integers(0, 100, (28, 28), np.uint8)
    >>> found = find_duplicates(np.stack([image, image, 2 * image, image.T]))
    >>> found.exact.tolist(), found.near.tolist()
    ([[0, 1]], [[0, 2]])
    """
    first: dict[bytes, int] = {}
    exact = [
        (place, number)
        for number, image in enumerate(images)
        if (place := first.setdefault(image.tobytes(), number)) != number
    ]
    single = np.array(sorted(first.values()), np.int64)
    near = [single[pairs] for pairs in _near_pairs(torch.from_numpy(images[single]))]
    return Duplicates(_sorted_pairs(np.array(exact, np.int64)), _sorted_pairs(np.concatenate(near)))


def _near_pairs(images: Tensor) -> Iterator[NDArray[np.int64]]:
    """Pairs of different images, uint8 (N, 28, 28), that are nearly the same."""
    yield np.zeros((0, 2), np.int64)
    pixels = avg_pool2d(images[:, None].float(), 4).flatten(1)
    coarse = _unit(pixels)
    # Alike vectors have a similar first principal component: only a part is compared with each.
    direction = torch.linalg.eigh(coarse.T @ coarse)[1][:, -1]
    component, order = (coarse @ direction).sort(stable=True)
    coarse, reach = coarse[order], (2 - 2 * _COARSE) ** 0.5
    ends = torch.searchsorted(component, component + reach, right=True)
    for start in range(0, len(images), _BLOCK):
        block = coarse[start : start + _BLOCK]
        alike = block @ coarse[start : ends[start + len(block) - 1]].T > _COARSE
        pairs = alike.triu(diagonal=1).nonzero() + start
        for some in order[pairs].split(_CHECKED):
            one, other = (_unit(images[column].flatten(1).float()) for column in some.T)
            yield some[(one * other).sum(dim=1) > NEAR].numpy()


def _unit(rows: Tensor) -> Tensor:
    """Rows without their mean, of length 1; a constant row becomes zeros."""
    rows = rows - rows.mean(dim=1, keepdim=True)
    length: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / length.clamp_min(1e-6)


def _sorted_pairs(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs with the lower place first, in order; also of none."""
    pairs = np.sort(pairs.reshape(-1, 2), axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
