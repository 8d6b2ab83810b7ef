"""What was seen of the original images of a dataset, and how they were brought to 28x28."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from deepdigits.data.paths.framing import Way

MAX_SIZES = 20
_MIXED = 0.05  # share of images of the other polarity; fewer are mistakes of the look at them


@dataclass(frozen=True)
class Look:
    """The original images of a dataset, and the way in which they were brought to 28x28.

    Attributes:
        framing: ``photo``, ``fit`` or ``none``; never ``auto``.
        chosen: Whether it was chosen by looking, and not given.
        light_on_dark: Polarity of the whole set: of most training images. True too if they have no
            plain background.
        inverted: Whether all images were inverted.
        num_light_on_dark: Number of training images that are light on dark, each looked at alone.
        num_dark_on_light: The same of those dark on light. The rest is blank or has no plain
            background.
        num_images: Number of images of all splits.
        sizes: Number of images of each size, such as ``28x28`` (width x height), the most frequent
            first; at most `MAX_SIZES`.
        num_other_sizes: Number of images of further sizes.
        smallest: The size with fewest pixels.
        largest: The size with most pixels.
        num_blank: Number of images that have no ink, and so no crop.
    """

    framing: Way
    chosen: bool
    light_on_dark: bool
    inverted: bool
    num_light_on_dark: int
    num_dark_on_light: int
    num_images: int
    sizes: Mapping[str, int] = field(hash=False)
    num_other_sizes: int
    smallest: str
    largest: str
    num_blank: int

    def sentence(self) -> str:
        """One line for the user: what was chosen, and why."""
        size = f"of {self.smallest}"
        if self.smallest != self.largest:
            size += f" to {self.largest}"
        polarity = "light on dark" if self.light_on_dark else "dark on light"
        if not self.num_light_on_dark + self.num_dark_on_light:
            polarity = "no plain background"
        if self.inverted:
            polarity += ", inverted"
        elif not self.light_on_dark and self.framing != "photo":
            polarity += ", not inverted"
        done = {"photo": "cropped to the ink", "fit": "resized and centred", "none": "as they are"}
        if self.smallest == self.largest == "28x28" and self.framing == "fit":
            done["fit"] = "else as they are"
        why = ""
        if self.chosen and self.framing == "photo":
            why = ": they look like writing on a plain page (--data.framing fit keeps them whole)"
        return (
            f"{self.framing}: {self.num_images:,} images {size}, {polarity}; "
            f"{done[self.framing]}{why}"
        )

    def notes(self) -> list[str]:
        """What may be wrong, a sentence each: pictures that are no writing, two polarities."""
        notes = []
        if self.num_blank:
            notes.append(f"{self.num_blank:,} images have no ink, and are black")
        if is_mixed(self.num_light_on_dark, self.num_dark_on_light):
            number = min(self.num_light_on_dark, self.num_dark_on_light)
            other = "dark on light" if self.light_on_dark else "light on dark"
            how = {
                "photo": "each image is read in its own way",
                "fit": "all are treated as the others; invert those first",
                "none": "all are taken as they are; invert those first",
            }[self.framing]
            notes.append(f"{number:,} training images are {other}, unlike the others: {how}")
        return notes

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self) | {"sizes": dict(self.sizes)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Look":
        """From `to_dict`.

        Raises:
            TypeError: Keys are missing, or there are others.
            ValueError: The framing is unknown.
        """
        look = cls(**content)
        if look.framing not in get_args(Way):
            raise ValueError(f"framing {look.framing!r}")
        return look


def is_mixed(light_on_dark: int, dark_on_light: int) -> bool:
    """Whether a set has both polarities, by the number of images of each.

    >>> is_mixed(60, 40), is_mixed(990, 10)
    (True, False)
    """
    return min(light_on_dark, dark_on_light) > _MIXED * (light_on_dark + dark_on_light)


def most_frequent_sizes(sizes: Mapping[tuple[int, int], int]) -> tuple[dict[str, int], int]:
    """The number of images of the most frequent sizes, and of all others.

    >>> most_frequent_sizes({(8, 9): 1, (28, 28): 5})
    ({'28x28': 5, '8x9': 1}, 0)
    """
    most = Counter(sizes).most_common(MAX_SIZES)
    named = {size_name(size): number for size, number in most}
    return named, sum(sizes.values()) - sum(named.values())


def size_name(size: tuple[int, int]) -> str:
    """Width and height as a text: ``28x28``."""
    return f"{size[0]}x{size[1]}"
