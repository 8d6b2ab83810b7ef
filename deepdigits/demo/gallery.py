"""The test digits that a net predicts wrongly."""

from torch import Tensor

from deepdigits.demo.predictions import Json
from deepdigits.inference.reader import DigitReader

MAX_MISTAKES = 40  # of each net


def mistakes(images: Tensor, labels: Tensor, reader: DigitReader) -> list[Json]:
    """The digits that a net predicts wrongly, by falling confidence.

    Args:
        images: uint8 (N, 28, 28).
        labels: (N,).
        reader: The net.
    """
    confidence, predicted = reader(images).max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    order = wrong[confidence[wrong].argsort(descending=True)][:MAX_MISTAKES]
    names = reader.class_names
    return [
        {
            "index": i,
            "label": names[int(labels[i])],
            "predicted": names[int(predicted[i])],
            "confidence": round(float(confidence[i]), 4),
            "crop": images[i].flatten().tolist(),
        }
        for i in order.tolist()
    ]
