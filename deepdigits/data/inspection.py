"""Facts of a dataset: counts, pixels, repeated images, and examples of each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.data.duplicates import find_duplicates
from deepdigits.data.registry import Split

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (N, 28, 28) and labels (N,)


@dataclass(frozen=True)
class Repeated:
    """Pairs of images that are alike.

    Attributes:
        pairs: The two images, each as split and place in it.
        across: Number of pairs from two splits.
        conflicting: Number of pairs with two labels.
    """

    pairs: tuple[tuple[tuple[Split, int], tuple[Split, int]], ...]
    across: int
    conflicting: int

    def to_dict(self, files: Mapping[Split, Sequence[str]]) -> dict[str, Any]:
        """Plain values for JSON: an image is its split and its place, and its file if it has one.

        Args:
            files: Split -> the file of each image.
        """
        return {
            "pairs": len(self.pairs),
            "across_splits": self.across,
            "with_different_labels": self.conflicting,
            "list": [[_named(*image, files) for image in pair] for pair in self.pairs],
        }


@dataclass(frozen=True)
class Facts:
    """Facts of the 28x28 images of a dataset.

    Attributes:
        counts: Number of images of each class, (C,), in each split.
        background: The most frequent value of a pixel.
        mean: Mean of all pixels of the training images, in [0, 255].
        sd: Their standard deviation.
        exact: Images that equal an earlier one, with the first of these.
        near: Pairs of images that are nearly the same: see `find_duplicates`.
    """

    counts: Mapping[Split, NDArray[np.int64]]
    background: int
    mean: float
    sd: float
    exact: Repeated
    near: Repeated

    @property
    def light_on_dark(self) -> bool:
        """Whether the background is dark, as MNIST's."""
        return self.background < 128

    @property
    def imbalance(self) -> float:
        """Training images of the largest class, divided by those of the smallest."""
        counts = self.counts["train"]
        return float(counts.max() / counts.min())


def find_facts(splits: Mapping[Split, Arrays], number: int) -> Facts:
    """Look at all images of a dataset.

    Args:
        splits: Images and labels of each split; ``train`` is one of them.
        number: Number of classes.
    """
    images = np.concatenate([one for one, _ in splits.values()])
    labels = np.concatenate([one for _, one in splits.values()])
    places = [(split, place) for split, (one, _) in splits.items() for place in range(len(one))]
    histogram = np.bincount(splits["train"][0].ravel(), minlength=256)
    mean = float(histogram @ np.arange(256) / histogram.sum())
    square = float(histogram @ np.arange(256) ** 2 / histogram.sum())
    found = find_duplicates(images)
    return Facts(
        counts={split: np.bincount(own, minlength=number) for split, (_, own) in splits.items()},
        background=int(histogram.argmax()),
        mean=mean,
        sd=(square - mean**2) ** 0.5,
        exact=_repeated(found.exact, labels, places),
        near=_repeated(found.near, labels, places),
    )


def examples(labels: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    """Places of some images of each class: evenly spread over the list, so the same each time.

    Args:
        labels: Labels, (N,).
        each: Number of images of a class.

    Returns:
        Places, (C, each), for the classes from 0 to the largest label; -1: there are fewer.

    >>> examples(np.array([0, 1, 0, 0, 0]), 2).tolist()
    [[0, 4], [1, -1]]
    """
    chosen = np.full((int(labels.max()) + 1, each), -1, np.int64)
    for label, row in enumerate(chosen):
        members = np.flatnonzero(labels == label)
        few = min(each, len(members))
        row[:few] = members[np.linspace(0, len(members) - 1, few).round().astype(int)]
    return chosen


def _named(split: Split, place: int, files: Mapping[Split, Sequence[str]]) -> list[str | int]:
    return [split, place, *([files[split][place]] if split in files else [])]


def _repeated(
    pairs: NDArray[np.int64], labels: NDArray[np.int64], places: list[tuple[Split, int]]
) -> Repeated:
    named = tuple((places[one], places[other]) for one, other in pairs.tolist())
    return Repeated(
        named,
        across=sum(one[0] != other[0] for one, other in named),
        conflicting=int((labels[pairs[:, 0]] != labels[pairs[:, 1]]).sum()),
    )
