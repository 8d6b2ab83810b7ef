"""Verification that an exported file says what the net says, on every test digit."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.data import sources as datasets
from deepdigits.data.registry import DATASETS
from deepdigits.inference.reader import to_images

TOLERANCE = 1e-4  # of logits: float32 in another order of summation


@dataclass(frozen=True)
class Verification:
    """What came out of a comparison.

    Attributes:
        digits: How many digits were compared.
        difference: The largest difference of a logit.
        changed: Digits whose prediction differs.
        accuracy: Of the file, in [0, 1].
        net_accuracy: Of the net.
    """

    digits: int
    difference: float
    changed: int
    accuracy: float
    net_accuracy: float

    def __str__(self) -> str:
        """One line.

        >>> print(Verification(10_000, 3e-6, 0, 0.9961, 0.9961))
        all 10,000 predictions are the net's, logits differ by up to 3.0e-06; accuracy 99.61 %
        """
        same = f"all {self.digits:,} predictions are the net's"
        other = f"{self.changed} of {self.digits:,} predictions are not the net's"
        return (
            f"{other if self.changed else same}, logits differ by up to {self.difference:.1e}; "
            f"accuracy {100 * self.accuracy:.2f} %"
        )


def test_digits(dataset: str) -> tuple[Tensor, Tensor]:
    """All test images of a dataset, as nets take them, and their labels.

    Raises:
        InputError: There is no such dataset, or it cannot be had.
    """
    if dataset not in DATASETS:
        raise InputError(f"the report of the run names the dataset {dataset!r}, which is not known")
    folder = datasets.default_data_dir()
    datasets.prepare(dataset, folder)  # type: ignore[arg-type]  # a name of the catalogue
    images, labels = datasets.load(dataset, folder, train=False)  # type: ignore[arg-type]
    return to_images(images), labels


def compare(of_file: Tensor, of_net: Tensor, labels: Tensor) -> Verification:
    """Compare the logits (N, C) of a file with those of the net, digit by digit."""
    ours, theirs = of_net.argmax(1), of_file.argmax(1)
    return Verification(
        digits=len(labels),
        difference=float((of_file - of_net).abs().max()),
        changed=int((ours != theirs).sum()),
        accuracy=float((theirs == labels).double().mean()),
        net_accuracy=float((ours == labels).double().mean()),
    )


def assert_equivalent(proof: Verification, path: Path) -> None:
    """Check that the file is the net, but for rounding.

    Raises:
        RunFailed: A prediction differs, or a logit by more than `TOLERANCE`.
    """
    if proof.changed or not proof.difference <= TOLERANCE:  # a difference that is nan fails too
        raise RunFailed(
            f"{path.name} is not what the net is, and was removed: {proof} "
            f"(allowed: {TOLERANCE:.0e})"
        )
