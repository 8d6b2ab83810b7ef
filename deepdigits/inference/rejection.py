"""Predict crops, with rotated copies of unclear ones, and reject crops that show no digit.

Two rules tell an unclear digit from something else. The probability of an unclear digit is split
between two classes, while that of a letter is spread over many: so the two best classes are added
up. And a digit that is unclear because it is tilted becomes clear once it is rotated. The
thresholds were chosen on digits of the training set; ``deepdigits bench photos`` measures on test
digits how many digits they reject wrongly, and how many other images they reject.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepdigits.images.normalization import Crop, rotate
from deepdigits.images.strokes import has_strokes

MIN_TOP_TWO = 0.75
"""Least probability of a digit's two best classes together, mean over its rotated copies."""
MIN_CONFIDENCE = 0.8
"""Crops with a lower confidence are predicted again, rotated."""
ANGLE = 15
"""Degrees of these rotations, to either side."""

Probabilities = NDArray[np.float32]
PredictFn = Callable[[NDArray[np.uint8]], Probabilities]


@dataclass(frozen=True)
class CropPrediction:
    """The prediction of a crop.

    Attributes:
        crop: The crop as given or rotated, whichever has the highest confidence: uint8 (28, 28).
        probabilities: Of all classes for that crop, (C,).
        top_two: Probability of the two best classes together, mean over all rotations.
    """

    crop: Crop
    probabilities: Probabilities
    top_two: float

    @property
    def is_digit(self) -> bool:
        """Whether the crop shows strokes, and two classes have most of the probability."""
        return self.top_two >= MIN_TOP_TWO and has_strokes(self.crop)


def predict_with_tta(
    predict_fn: PredictFn, crops: NDArray[np.uint8], probabilities: Probabilities | None = None
) -> list[CropPrediction]:
    """Predict each crop; unclear ones again, rotated to the left and to the right.

    Args:
        predict_fn: Crops (N, 28, 28) -> probabilities (N, C).
        crops: uint8 (N, 28, 28).
        probabilities: Of the crops, (N, C), if they are known already.

    >>> def uniform(crops):
    ...     return np.full((len(crops), 10), 0.1, np.float32)
    >>> [prediction] = predict_with_tta(uniform, np.zeros((1, 28, 28), np.uint8))
    >>> round(prediction.top_two, 1), prediction.is_digit
    (0.2, False)
    """
    if probabilities is None:
        probabilities = predict_fn(crops)
    predictions = [
        CropPrediction(crop, probs, _top_two(probs))
        for crop, probs in zip(crops, probabilities, strict=True)
    ]
    unclear = [i for i, one in enumerate(predictions) if one.probabilities.max() < MIN_CONFIDENCE]
    if not unclear:
        return predictions
    rotated = [rotate(crops[i], angle) for i in unclear for angle in (ANGLE, -ANGLE)]
    rotated_probs = predict_fn(np.stack(rotated))
    for number, i in enumerate(unclear):
        both = slice(2 * number, 2 * number + 2)
        candidates = [predictions[i].crop, *rotated[both]]
        probs = np.stack([predictions[i].probabilities, *rotated_probs[both]])
        best = int(probs.max(axis=1).argmax())
        mean = float(np.mean([_top_two(row) for row in probs]))
        predictions[i] = CropPrediction(candidates[best], probs[best], mean)
    return predictions


def _top_two(probabilities: Probabilities) -> float:
    return float(np.sort(probabilities)[-2:].sum())
