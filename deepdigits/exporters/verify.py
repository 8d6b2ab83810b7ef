"""Verify that an exported file predicts what the net predicts, image by image."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from deepdigits.core.errors import RunFailed

TOLERANCE = 1e-4  # of logits: float32 in another order of summation


@dataclass(frozen=True)
class Verification:
    """The comparison of an exported file with its net.

    Attributes:
        digits: Number of digits compared.
        difference: The largest difference of a logit.
        changed: Number of digits whose prediction differs.
        accuracy: Of the file, in [0, 1]; None if the labels are not known.
        net_accuracy: Of the net, in [0, 1]; None if the labels are not known.
    """

    digits: int
    difference: float
    changed: int
    accuracy: float | None
    net_accuracy: float | None

    def __str__(self) -> str:
        """One line.

        >>> print(Verification(10_000, 3e-6, 0, 0.9961, 0.9961))
        all 10,000 predictions equal the net's, logits differ by up to 3.0e-06; accuracy 99.61 %
        """
        same = f"all {self.digits:,} predictions equal the net's"
        other = f"{self.changed} of {self.digits:,} predictions differ from the net's"
        measured = (
            f"accuracy {100 * self.accuracy:.2f} %"
            if self.accuracy is not None
            else "accuracy is not measured, as the labels of its own data are not known"
        )
        line = other if self.changed else same
        return f"{line}, logits differ by up to {self.difference:.1e}; {measured}"


def compare(of_file: Tensor, of_net: Tensor, labels: Tensor | None) -> Verification:
    """Compare the logits (N, C) of a file with those of the net, digit by digit."""
    ours, theirs = of_net.argmax(1), of_file.argmax(1)
    return Verification(
        digits=len(ours),
        difference=float((of_file - of_net).abs().max()),
        changed=int((ours != theirs).sum()),
        accuracy=None if labels is None else float((theirs == labels).double().mean()),
        net_accuracy=None if labels is None else float((ours == labels).double().mean()),
    )


def assert_equivalent(found: Verification, path: Path) -> None:
    """Check that the file computes what the net computes, except for rounding.

    Raises:
        RunFailed: A prediction differs, or a logit by more than `TOLERANCE`.
    """
    if found.changed or not found.difference <= TOLERANCE:  # a difference that is nan fails too
        raise RunFailed(
            f"{path.name} is not equivalent to the net, and was removed: {found} "
            f"(allowed: {TOLERANCE:.0e})"
        )
