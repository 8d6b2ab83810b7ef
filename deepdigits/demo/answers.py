"""What the page shows of an image: its digits, and what each net says of one of them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.images import Crop, Detection, detect_digits
from deepdigits.images.io import open_image
from deepdigits.inference.reader import REJECTED, DigitReader
from deepdigits.inference.saliency import occlusion

Answer = dict[str, Any]
MAX_MISTAKES = 40  # of each net


def answer_image(url: str, selected: int, readers: Sequence[DigitReader]) -> Answer:
    """The digits of an image in reading order, and what each net says of the selected one.

    Args:
        url: The image as a data URL.
        selected: Which digit; what is beyond the last means the last.
        readers: The nets.

    Returns:
        ``digits``: the box of each in pixels, and its 784 pixels as the nets see them.
        ``selected``; ``frame``: left, top and side of the selected digit's 28x28 in the image.
        ``nets``: as `answer_tile` has them, with the whole number as ``text``, and a question mark
        where it holds that it is no digit.

    Raises:
        InputError: It is no image.
    """
    found = detect_digits(open_image(decoded(url), "the image"))
    if not found:
        return {"digits": [], "selected": 0, "frame": None, "nets": []}
    selected = min(selected, len(found) - 1) if selected >= 0 else len(found) - 1
    chosen = found[selected]
    answer = answer_tile(chosen.crop, readers)
    for net, reader in zip(answer["nets"], readers, strict=True):
        net["text"] = _number(found, reader)
    digits = [{"box": digit.box, "crop": digit.crop.ravel().tolist()} for digit in found]
    frame = frame_of(chosen.crop, chosen.box)
    return {**answer, "digits": digits, "selected": selected, "frame": frame}


def answer_tile(crop: Crop, readers: Sequence[DigitReader]) -> Answer:
    """What each net says of a single digit: uint8 (28, 28), and nothing about an image."""
    return {
        "digits": [{"box": None, "crop": crop.ravel().tolist()}],
        "selected": 0,
        "frame": None,
        "nets": [_opinion(crop, reader) for reader in readers],
    }


def _number(found: Sequence[Detection], reader: DigitReader) -> str:
    """What a net reads in all digits of an image."""
    labels = [digit.label for digit in reader.answers(found)]
    return "".join(REJECTED if label is None else reader.class_names[label] for label in labels)


def _opinion(crop: Crop, reader: DigitReader) -> Answer:
    """Probabilities, the best class, and what it is based on: 784 values from -1 to 1."""
    probabilities = reader(crop)[0]
    best = int(probabilities.argmax())
    grounds = occlusion(reader.net, torch.from_numpy(crop / np.float32(255)), best)
    reach = grounds.abs().max().clamp(min=1e-6)
    return {
        "name": reader.name,
        "probabilities": [round(float(p), 5) for p in probabilities],
        "text": reader.class_names[best],
        "best": best,
        "grounds": [round(float(g), 3) for g in (grounds / reach).flatten()],
    }


def frame_of(crop: Crop, box: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """Where a digit's 28x28 lies in the image that it was found in: left, top and side.

    >>> crop = np.zeros((28, 28), np.uint8)
    >>> crop[4:24, 10:18] = 255
    >>> frame_of(crop, (100, 100, 180, 300))
    (0.0, 60.0, 280.0)
    """
    rows, columns = (np.flatnonzero((crop > 127).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return (float(box[0]), float(box[1]), float(max(box[2] - box[0], box[3] - box[1])))
    length = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    scale = max(box[2] - box[0], box[3] - box[1]) / float(length)
    left = (box[0] + box[2]) / 2 - scale * (columns[0] + columns[-1] + 1) / 2
    top = (box[1] + box[3]) / 2 - scale * (rows[0] + rows[-1] + 1) / 2
    return (float(left), float(top), 28 * scale)


def mistakes(images: Tensor, labels: Tensor, reader: DigitReader) -> list[Answer]:
    """The test digits that a net gets wrong, those first of which it is most sure.

    Args:
        images: uint8 (N, 28, 28).
        labels: (N,).
        reader: The net.
    """
    probabilities = reader(images)
    confidence, predicted = probabilities.max(dim=1)
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
        InputError: It is none.

    >>> decoded("data:image/png;base64,aGk=")
    b'hi'
    """
    head, comma, content = url.partition(",")
    try:
        if not (comma and head.startswith("data:") and head.endswith(";base64")):
            raise ValueError
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("the image is no data URL in base64") from error
