"""Bring all pictures of a dataset to 28x28 in one way, which is chosen by looking at them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepdigits.core.errors import InputError
from deepdigits.data.paths.choice import choose_way
from deepdigits.data.paths.decoding import SQUARE, Decoded, crop_again, decode_all
from deepdigits.data.paths.framing import Framing, Way, count_polarities
from deepdigits.data.paths.look import Look, is_mixed, most_frequent_sizes, size_name
from deepdigits.data.paths.pictures import Pictures
from deepdigits.data.registry import SPLITS, Split


def convert_all(
    splits: Mapping[Split, Pictures], framing: Framing, path: Path, skip_damaged: bool
) -> tuple[dict[Split, Decoded], Look]:
    """Bring the pictures of all splits to 28x28, in their order, and say how.

    Framing and polarity are those of the training pictures. Only if a set for ``photo`` has both
    polarities, each picture keeps its own: its ink is found either way.

    Args:
        splits: The pictures of each split.
        framing: The way, or ``auto``.
        path: The dataset, for errors and progress.
        skip_damaged: Leave damaged images out.

    Raises:
        InputError: An image is damaged and is not to be left out, has another size although the
            framing is ``none``, or no image has ink although it is ``photo``.
        RunFailed: A process that helps was killed.
    """
    way = choose_way(splits["train"]) if framing == "auto" else framing
    train = _decode(splits["train"], way, None, path, skip_damaged)
    polarities = _polarities(train, way, path)
    dark_on_light = polarities[0] < polarities[1]
    forced = None if is_mixed(*polarities) else dark_on_light
    if way == "photo" and forced is not None:
        crop_again(splits["train"], train, forced, path)
    decoded: dict[Split, Decoded] = {"train": train}
    for split in SPLITS[1:]:
        if split in splits:
            decoded[split] = _decode(splits[split], way, forced, path, skip_damaged)
    sizes = sum((one.sizes for one in decoded.values()), Counter[tuple[int, int]]())
    if framing == "auto" and way == "fit" and not dark_on_light and set(sizes) == {SQUARE}:
        way = "none"
    if inverted := way == "fit" and dark_on_light:
        for one in decoded.values():
            np.subtract(255, one.images, out=one.images)
    blank = sum(int((~one.images.any(axis=(1, 2))).sum()) for one in decoded.values())
    look = _look(way, framing == "auto", inverted, polarities, sizes, blank)
    return decoded, look


def _decode(
    pictures: Pictures, way: Way, dark_on_light: bool | None, path: Path, skip_damaged: bool
) -> Decoded:
    if not isinstance(pictures, np.ndarray) or pictures.shape[1:] != SQUARE or way == "photo":
        return decode_all(pictures, way, dark_on_light, path, skip_damaged)
    number = len(pictures)  # nothing is to be done
    kept, sizes = np.ones(number, np.bool_), Counter({SQUARE: number})
    return Decoded(pictures.copy(), np.zeros(number, np.int8), kept, sizes, None)


def _polarities(train: Decoded, way: Way, path: Path) -> tuple[int, int]:
    """How many images are light on dark, and how many dark on light, each looked at alone."""
    if way != "photo":
        return count_polarities(train.images)
    light, dark = (int((train.polarities == one).sum()) for one in (1, -1))
    if not light + dark and len(train.images):
        raise InputError(
            f"{path}: no training image has ink that stands out from its page, expected one digit "
            "in each with the framing photo: pass --data.framing fit"
        )
    return light, dark


def _look(
    way: Way,
    chosen: bool,
    inverted: bool,
    polarities: tuple[int, int],
    sizes: Mapping[tuple[int, int], int],
    blank: int,
) -> Look:
    most, others = most_frequent_sizes(sizes)
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size)) or [SQUARE]
    return Look(
        framing=way,
        chosen=chosen,
        light_on_dark=polarities[0] >= polarities[1],
        inverted=inverted,
        num_light_on_dark=polarities[0],
        num_dark_on_light=polarities[1],
        num_images=sum(sizes.values()),
        sizes=most,
        num_other_sizes=others,
        smallest=size_name(by_area[0]),
        largest=size_name(by_area[-1]),
        num_blank=blank if way == "photo" else 0,
    )
