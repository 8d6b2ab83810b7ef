"""What the page shows of an image: its digits, and each net's prediction of one of them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdigits.images.detection import Detection, detect_digits
from deepdigits.images.io import open_image
from deepdigits.images.normalization import SIDE, Crop
from deepdigits.inference.reader import DigitReader
from deepdigits.inference.reading import REJECTED
from deepdigits.inference.saliency import occlusion
from deepdigits.models.shift_tta import with_shift_tta

Json = dict[str, Any]
Drawing = tuple[bytes, int]  # a PNG file, and the index of the digit that is selected
MAX_PIXELS = 12_000_000  # of an image: a photo of 4000 x 3000


def predict_image(content: bytes, selected: int, readers: Sequence[DigitReader]) -> Json:
    """The digits of an image in reading order, and each net's prediction of the selected one.

    Args:
        content: A PNG file.
        selected: Index of the digit; -1, or one beyond the last, selects the last.
        readers: The nets.

    Returns:
        ``digits``: the box of each in pixels, and its 784 pixels as the input of the nets.
        ``selected``; ``square``: left, top and side of the selected crop in the image.
        ``nets``: as `predict_crop` returns them, but ``text`` is the whole number, with a question
        mark for each digit that the net rejects.

    Raises:
        InputError: The file is not a PNG, is damaged, or has more than `MAX_PIXELS`.
    """
    [result] = predict_images([(content, selected)], readers)
    if isinstance(result, Exception):
        raise result
    return result


def predict_images(
    drawings: Sequence[Drawing], readers: Sequence[DigitReader]
) -> list[Json | Exception]:
    """`predict_image` of several, whose digits go through the nets together.

    Returns:
        The result of each, or its error.
    """
    detected = [_detect(content) for content, _ in drawings]
    found = [one for one in detected if not isinstance(one, Exception)]
    crops = np.array([digit.crop for digits in found for digit in digits], np.uint8)
    probs = [iter(reader(crops.reshape(-1, SIDE, SIDE))) for reader in readers]
    return [
        digits if isinstance(digits, Exception) else _result(digits, selected, readers, probs)
        for (_, selected), digits in zip(drawings, detected, strict=True)
    ]


def predict_crop(crop: Crop, readers: Sequence[DigitReader]) -> Json:
    """Each net's prediction of a single digit without an image: uint8 (28, 28)."""
    return {
        "digits": [{"box": None, "crop": crop.ravel().tolist()}],
        "selected": 0,
        "square": None,
        "nets": [_prediction(crop, reader(crop)[0], reader) for reader in readers],
    }


def _detect(content: bytes) -> list[Detection] | Exception:
    """The digits of an image, or the error that it causes: others must not suffer from it."""
    try:
        image = open_image(content, "the image", formats=("PNG",), max_pixels=MAX_PIXELS)
        return detect_digits(image)
    except Exception as error:
        return error


def _result(
    digits: Sequence[Detection],
    selected: int,
    readers: Sequence[DigitReader],
    probs: Sequence[Iterable[Tensor]],
) -> Json:
    """The result of one image. `probs` of each net gives the next digits' probabilities."""
    if not digits:
        return {"digits": [], "selected": 0, "square": None, "nets": []}
    last = len(digits) - 1
    selected = min(selected, last) if selected >= 0 else last
    chosen = digits[selected]
    nets = []
    for reader, following in zip(readers, probs, strict=True):
        own = torch.stack(list(islice(following, len(digits))))
        nets.append(_prediction(chosen.crop, own[selected], reader))
        nets[-1]["text"] = _number(digits, own, reader)
    return {
        "digits": [{"box": digit.box, "crop": digit.crop.ravel().tolist()} for digit in digits],
        "selected": selected,
        "square": square_of(chosen.crop, chosen.box),
        "nets": nets,
    }


def _number(detections: Sequence[Detection], probs: Tensor, reader: DigitReader) -> str:
    """A net's prediction of all digits of an image."""
    labels = [digit.label for digit in reader.classify(detections, probs)]
    return "".join(REJECTED if label is None else reader.class_names[label] for label in labels)


def _prediction(crop: Crop, probs: Tensor, reader: DigitReader) -> Json:
    """Probabilities, the best class, and its saliency map: 784 values from -1 to 1."""
    best = int(probs.argmax())
    net = with_shift_tta(reader.net, False)  # a fifth of the time, nearly the same map
    saliency = occlusion(net, torch.from_numpy(crop / np.float32(255)), best)
    saliency = saliency / saliency.abs().max().clamp(min=1e-6)
    return {
        "name": reader.name,
        "probabilities": [round(p, 5) for p in probs.tolist()],
        "text": reader.class_names[best],
        "best": best,
        "saliency": [round(value, 3) for value in saliency.flatten().tolist()],
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
