"""The catalogue of datasets: classes, counts, files and checksums."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase, digits
from types import MappingProxyType
from typing import Any, Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
MAX_NAME = 100  # characters of the name of a class

DatasetName = Literal[
    "mnist", "fashion_mnist", "kmnist", "qmnist", "emnist_digits", "emnist_balanced"
]


def _frozen(**items: Any) -> Mapping[str, Any]:
    return MappingProxyType(items)


@dataclass(frozen=True)
class DatasetInfo:
    """One entry of the catalogue.

    Attributes:
        reader: Class in ``torchvision.datasets`` that downloads the archives and reads the files.
        classes: Name of each class, in label order.
        num_train: Number of training images.
        num_test: Number of test images.
        files: The four extracted files: training images and labels, test images and labels.
        options: Further arguments of the reader.
        sha256: Known checksums of extracted files. Other checksums are recorded when a file is
            extracted from an archive whose MD5 torchvision has checked.
        embedded: Whether the archives come with this package.
        num_val: Number of images of a validation split of its own; 0: it has none.
    """

    reader: str
    classes: tuple[str, ...]
    num_train: int
    num_test: int
    files: tuple[str, ...] = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    options: Mapping[str, Any] = field(default_factory=_frozen)
    sha256: Mapping[str, str] = field(default_factory=_frozen)
    embedded: bool = False
    num_val: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping cannot be pickled; Lightning's ddp_spawn pickles a data module.
        values = vars(self).values()
        return DatasetInfo, tuple(dict(v) if isinstance(v, Mapping) else v for v in values)


def _emnist(split: str, classes: tuple[str, ...], num_train: int, num_test: int) -> DatasetInfo:
    files = tuple(
        f"emnist-{split}-{part}-{kind}"
        for part in ("train", "test")
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    return DatasetInfo("EMNIST", classes, num_train, num_test, files, _frozen(split=split))


_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# EMNIST balanced merges the letters whose two cases look alike into the upper case.
_BALANCED = (*digits, *ascii_uppercase, *(c for c in ascii_lowercase if c in "abdefghnqrt"))

DATASETS: dict[str, DatasetInfo] = {
    "mnist": DatasetInfo(
        "MNIST",
        tuple(digits),
        60_000,
        10_000,
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
        embedded=True,
    ),
    "fashion_mnist": DatasetInfo(
        "FashionMNIST",
        _FASHION,
        60_000,
        10_000,
        sha256={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
    ),
    "kmnist": DatasetInfo(
        "KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), 60_000, 10_000
    ),
    "qmnist": DatasetInfo(
        "QMNIST",
        tuple(digits),
        60_000,
        60_000,
        (
            "qmnist-train-images-idx3-ubyte",
            "qmnist-train-labels-idx2-int",
            "qmnist-test-images-idx3-ubyte",
            "qmnist-test-labels-idx2-int",
        ),
    ),
    "emnist_digits": _emnist("digits", tuple(digits), 240_000, 40_000),
    "emnist_balanced": _emnist("balanced", _BALANCED, 112_800, 18_800),
}
