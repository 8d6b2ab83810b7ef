"""Turn readings into panels of the recognition figure, with saliency maps of their digits."""

from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image

from deepdigits.inference.reader import DigitReader
from deepdigits.inference.reading import REJECTED, Digit, Reading
from deepdigits.inference.saliency import occlusion
from deepdigits.models.shift_tta import with_shift_tta
from deepdigits.plots.recognition import MAX_IMAGES, DigitPanel, ImagePanel
from deepdigits.plots.recognition_layout import MAX_DIGITS_SHOWN


def explain(
    readings: Iterable[tuple[Image.Image, Reading]], reader: DigitReader
) -> list[ImagePanel]:
    """The panels of images and their readings.

    Saliency maps are computed for the digits that the figure shows; those of the others are 0.

    Args:
        readings: Images and their readings.
        reader: The net that made the readings.
    """
    return [
        ImagePanel(
            title=reading.name,
            image=image,
            text=reading.text,
            confidence=reading.confidence,
            digits=[
                _panel(digit, reader, number < MAX_IMAGES and place < MAX_DIGITS_SHOWN)
                for place, digit in enumerate(reading.digits)
            ],
            class_names=reading.class_names,
        )
        for number, (image, reading) in enumerate(readings)
    ]


def _panel(digit: Digit, reader: DigitReader, is_shown: bool) -> DigitPanel:
    saliency = np.zeros(digit.crop.shape, np.float32)
    if is_shown:
        pixels = torch.from_numpy(digit.crop / np.float32(255))
        net = with_shift_tta(reader.net, False)  # a fifth of the time, nearly the same map
        saliency = occlusion(net, pixels, digit.best).numpy()
    return DigitPanel(
        box=digit.box,
        label=REJECTED if digit.label is None else reader.class_names[digit.label],
        is_digit=digit.label is not None,
        crop=digit.crop,
        saliency=saliency,
        probabilities=digit.probabilities,
    )
