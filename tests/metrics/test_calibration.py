"""The expected calibration error, held against torchmetrics and against hand-made cases."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError

from deepdigits.metrics.calibration import calibration_bins, expected_calibration_error


@pytest.mark.parametrize("bins", [1, 5, 15])
@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_equals_torchmetrics(bins: int, sharpness: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = sharpness * torch.randn(2000, 10, generator=generator)
    labels = torch.where(
        torch.rand(2000, generator=generator) < 0.6,
        logits.argmax(dim=1),
        torch.randint(10, (2000,), generator=generator),
    )
    probabilities = logits.softmax(dim=1)
    confidences, predictions = probabilities.max(dim=1)
    assert confidences.max() < 1  # torchmetrics gives a confidence of 1 a bin of its own
    expected = MulticlassCalibrationError(10, n_bins=bins)(probabilities, labels).item()
    ours = expected_calibration_error(confidences, predictions == labels, bins)
    assert expected > 0.01
    assert ours == pytest.approx(expected, abs=1e-6)


def test_bins_close_at_their_lower_end_and_the_last_at_both() -> None:
    bins = calibration_bins([0.0, 0.5, 0.99, 1.0], [False, True, False, True], bins=2)
    assert bins.counts.tolist() == [1, 3]
    assert bins.accuracy.tolist() == pytest.approx([0, 2 / 3])
    assert bins.confidence.tolist() == pytest.approx([0, 2.49 / 3])


def test_error_of_a_hand_made_case() -> None:
    # Two at 0.9, one right: off by 0.4. Two at 0.6, both right: off by 0.4, the other way.
    assert expected_calibration_error([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1], 10) == pytest.approx(0.4)
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0
    assert expected_calibration_error([], []) == 0


@pytest.mark.parametrize(
    ("confidences", "correct", "bins", "message"),
    [
        ([0.5, 0.6], [True], 15, "same length"),
        ([[0.5]], [[True]], 15, "same length"),
        ([1.5], [True], 15, "softmax"),
        ([np.nan], [True], 15, "softmax"),
        ([0.5], [True], 0, "1 or more"),
    ],
)
def test_wrong_input_is_named(
    confidences: list[float], correct: list[bool], bins: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(confidences, correct, bins)
