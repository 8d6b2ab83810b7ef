"""Calibration bins and the expected calibration error: pure functions of confidences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bins:
    """Predictions sorted into equal ranges of confidence.

    Attributes:
        edges: Limits of the bins, from 0 to 1, (bins + 1,).
        counts: Predictions in each bin, (bins,).
        confidence: Their mean confidence, (bins,); 0 in an empty bin.
        accuracy: Share of correct ones among them, (bins,); 0 in an empty bin.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error."""
        distance: Any = np.abs(self.accuracy - self.confidence) @ self.counts
        return float(distance / max(1, self.counts.sum()))


def calibration_bins(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> Bins:
    """Sort predictions into ``bins`` equal ranges of confidence, each closed at its lower end.

    Args:
        confidences: Probability in [0, 1] of each predicted class, (N,).
        correct: Whether each prediction is correct, (N,).
        bins: Number of ranges; the last one includes a confidence of 1.

    Raises:
        ValueError: Confidences and correct differ in shape, a confidence is outside [0, 1], or bins
            is below 1.

    >>> calibration_bins([0.6, 0.8, 0.9, 0.9], [True, False, True, True], bins=2).counts
    array([0, 4])
    """
    confidences = np.asarray(confidences, dtype=np.float64)
    hits = np.asarray(correct, dtype=np.float64)
    if confidences.ndim != 1 or confidences.shape != hits.shape:
        raise ValueError(
            f"confidences {confidences.shape} and correct {hits.shape}: expected two lists of the "
            "same length"
        )
    if bins < 1:
        raise ValueError(f"bins is {bins}, expected 1 or more")
    if not ((confidences >= 0) & (confidences <= 1)).all():
        raise ValueError("confidences must be probabilities in [0, 1]: pass a softmax, not logits")
    edges = np.linspace(0, 1, bins + 1)
    numbers = np.minimum(np.searchsorted(edges, confidences, side="right") - 1, bins - 1)
    counts = np.bincount(numbers, minlength=bins)
    means = [
        np.bincount(numbers, values, minlength=bins) / np.maximum(counts, 1)
        for values in (confidences, hits)
    ]
    return Bins(edges, counts, *means)


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their counts.

    Guo et al. (2017), On Calibration of Modern Neural Networks. For arguments and errors see
    `calibration_bins`.

    Returns:
        A value in [0, 1]; 0 if accuracy equals confidence in each bin, or without predictions.

    >>> round(expected_calibration_error([0.6, 0.8, 0.9, 0.9], [True, False, True, True]), 3)
    0.35
    """
    return calibration_bins(confidences, correct, bins).error
