"""What the page shows of an image: its digits, and each net's prediction of one of them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.images.detection import Detection, detect_digits
from deepdigits.images.io import open_image
from deepdigits.images.normalization import SIDE, Crop
from deepdigits.inference.reader import DigitReader
from deepdigits.inference.reading import REJECTED
from deepdigits.inference.saliency import occlusion

Json = dict[str, Any]
MAX_MISTAKES = 40  # of each net


def predict_image(url: str, selected: int, readers: Sequence[DigitReader]) -> Json:
    """The digits of an image in reading order, and each net's prediction of the selected one.

    Args:
        url: The image as a data URL.
        selected: Index of the digit; -1, or one beyond the last, selects the last.
        readers: The nets.

    Returns:
        ``digits``: the box of each in pixels, and its 784 pixels as the input of the nets.
        ``selected``; ``square``: left, top and side of the selected crop in the image.
        ``nets``: as `predict_crop` returns them, but ``text`` is the whole number, with a question
        mark for each digit that the net rejects.

    Raises:
        InputError: The URL holds no readable image.
    """
    detections = detect_digits(open_image(decoded(url), "the image"))
    if not detections:
        return {"digits": [], "selected": 0, "square": None, "nets": []}
    last = len(detections) - 1
    selected = min(selected, last) if selected >= 0 else last
    chosen = detections[selected]
    result = predict_crop(chosen.crop, readers)
    for net, reader in zip(result["nets"], readers, strict=True):
        net["text"] = _number(detections, reader)
    digits = [{"box": digit.box, "crop": digit.crop.ravel().tolist()} for digit in detections]
    square = square_of(chosen.crop, chosen.box)
    return {**result, "digits": digits, "selected": selected, "square": square}


def predict_crop(crop: Crop, readers: Sequence[DigitReader]) -> Json:
    """Each net's prediction of a single digit without an image: uint8 (28, 28)."""
    return {
        "digits": [{"box": None, "crop": crop.ravel().tolist()}],
        "selected": 0,
        "square": None,
        "nets": [_prediction(crop, reader) for reader in readers],
    }


def _number(detections: Sequence[Detection], reader: DigitReader) -> str:
    """A net's prediction of all digits of an image."""
    labels = [digit.label for digit in reader.classify(detections)]
    return "".join(REJECTED if label is None else reader.class_names[label] for label in labels)


def _prediction(crop: Crop, reader: DigitReader) -> Json:
    """Probabilities, the best class, and its saliency map: 784 values from -1 to 1."""
    probs = reader(crop)[0]
    best = int(probs.argmax())
    saliency = occlusion(reader.net, torch.from_numpy(crop / np.float32(255)), best)
    saliency = saliency / saliency.abs().max().clamp(min=1e-6)
    return {
        "name": reader.name,
        "probabilities": [round(float(p), 5) for p in probs],
        "text": reader.class_names[best],
        "best": best,
        "saliency": [round(float(value), 3) for value in saliency.flatten()],
    }


def square_of(crop: Crop, box: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """Left, top and side of a digit's crop in the image where the digit was detected.

    >>> crop = np.zeros((28, 28), np.uint8)
    >>> crop[4:24, 10:18] = 255
    >>> square_of(crop, (100, 100, 180, 300))
    (0.0, 60.0, 280.0)
    """
    rows, columns = (np.flatnonzero((crop > 127).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return (float(box[0]), float(box[1]), float(max(box[2] - box[0], box[3] - box[1])))
    length = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    scale = max(box[2] - box[0], box[3] - box[1]) / float(length)
    left = (box[0] + box[2]) / 2 - scale * (columns[0] + columns[-1] + 1) / 2
    top = (box[1] + box[3]) / 2 - scale * (rows[0] + rows[-1] + 1) / 2
    return (float(left), float(top), SIDE * scale)


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


def decoded(url: str) -> bytes:
    """The bytes in a data URL.

    Raises:
        InputError: The text is not a data URL in base64.

    >>> decoded("data:image/png;base64,aGk=")
    b'hi'
    """
    head, comma, content = url.partition(",")
    try:
        if not (comma and head.startswith("data:") and head.endswith(";base64")):
            raise ValueError
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("the image is not a data URL in base64") from error
