"""Second looks at what a net doubts, and where to say that a blot is no digit.

Two things tell an unclear digit from what is none. A digit is torn between two classes, where a
letter spreads over many: so the two best count together. And a digit that is doubtful because it
is tilted is clear from another angle. The thresholds were chosen on digits of the training set;
``deepdigits bench photos`` measures on test digits what they cost and what they keep out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepdigits.images import Crop, has_strokes, tilted

MIN_TOP_TWO = 0.75
"""Least probability of a digit's two best classes together, mean over the looks."""
SURE = 0.8
"""Least probability of the best class that needs no second prediction."""
TILT = 15
"""Degrees of the second looks, to either side."""

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class CropPrediction:
    """What a net says of a crop.

    Attributes:
        crop: The predict_with_tta at which it was surest: uint8 (28, 28).
        probabilities: Of all classes at that, (C,).
        top_two: Probability of the two best classes together, mean over all looks.
    """

    crop: Crop
    probabilities: Probabilities
    top_two: float

    @property
    def is_digit(self) -> bool:
        """Whether the crop shows strokes, and the net knows them."""
        return self.top_two >= MIN_TOP_TWO and has_strokes(self.crop)


def predict_with_tta(
    ask: Callable[[NDArray[np.uint8]], Probabilities], crops: NDArray[np.uint8]
) -> list[CropPrediction]:
    """Ask the net for each crop; for a doubtful one again, tilted to the left and to the right.

    Args:
        ask: Tiles (N, 28, 28) -> probabilities (N, C).
        crops: uint8 (N, 28, 28).

    >>> def ask(crops):  # a net that knows nothing
    ...     return np.full((len(crops), 10), 0.1, np.float32)
    >>> [seen] = predict_with_tta(ask, np.zeros((1, 28, 28), np.uint8))
    >>> round(seen.top_two, 1), seen.is_digit
    (0.2, False)
    """
    looks = [CropPrediction(t, p, _top_two(p)) for t, p in zip(crops, ask(crops), strict=True)]
    doubtful = [place for place, one in enumerate(looks) if one.probabilities.max() < SURE]
    if not doubtful:
        return looks
    turned = [tilted(crops[place], angle) for place in doubtful for angle in (TILT, -TILT)]
    answers = ask(np.stack(turned))
    for number, place in enumerate(doubtful):
        two = slice(2 * number, 2 * number + 2)
        seen = [looks[place].crop, *turned[two]]
        said = np.stack([looks[place].probabilities, *answers[two]])
        surest = int(said.max(axis=1).argmax())
        mean = float(np.mean([_top_two(row) for row in said]))
        looks[place] = CropPrediction(seen[surest], said[surest], mean)
    return looks


def _top_two(probabilities: Probabilities) -> float:
    return float(np.sort(probabilities)[-2:].sum())
