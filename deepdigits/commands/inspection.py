"""Inspect a dataset: what `deepdigits data` shows, as an object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.core.files import check_output_path
from deepdigits.data import sources
from deepdigits.data.division import read_split
from deepdigits.data.inspection import Arrays, Facts, examples, find_facts
from deepdigits.data.paths.dataset import find_dataset
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.look import Look
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.registry import SPLITS, DatasetInfo, Split
from deepdigits.plots.class_examples import class_examples
from deepdigits.plots.style import save_figure

EXAMPLES = 10  # images of each class in the picture
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


@dataclass(frozen=True)
class Inspection:
    """What is in a dataset.

    Attributes:
        name: Name of the dataset.
        class_names: Name of each class.
        held_out: Whether the test images are a part of the training images of a path.
        facts: Counts, pixels and repeated images.
        look: Sizes and polarity of the original images. None: a dataset of the catalogue.
        files: Split -> the file of each image, below the path. Empty: the images are not files.
        picture: Examples of each class; None: not written.
    """

    name: str
    class_names: tuple[str, ...]
    held_out: bool
    facts: Facts
    look: Look | None
    files: Mapping[Split, Sequence[str]]
    picture: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        facts = self.facts
        return {
            "dataset": self.name,
            "class_names": list(self.class_names),
            "splits": {split: int(own.sum()) for split, own in facts.counts.items()},
            "test_is_held_out": self.held_out,
            "counts": {split: own.tolist() for split, own in facts.counts.items()},
            "imbalance": facts.imbalance,
            "original_images": None if self.look is None else self.look.to_dict(),
            "background": facts.background,
            "light_on_dark": facts.light_on_dark,
            "mean": facts.mean,
            "sd": facts.sd,
            "exact_duplicates": facts.exact.to_dict(self.files),
            "near_duplicates": facts.near.to_dict(self.files),
            "picture": None if self.picture is None else str(self.picture),
        }


def inspect_data(
    dataset: str | Path,
    picture: str | Path | None = None,
    data_dir: str | Path | None = None,
    skip_damaged: bool = False,
    split_seed: int = 0,
    framing: Framing = "auto",
) -> Inspection:
    """Count classes, look for repeated images, and draw examples of each class.

    Args:
        dataset: Name of a dataset of the catalogue, or a path.
        picture: A .png, .svg, .pdf or .jpg file to write. None: no picture.
        data_dir: The data folder; None: as of DigitsDataModule.
        skip_damaged: Leave damaged images of a folder out.
        split_seed: Seed of the selection of test images, if a path has no test split.
        framing: How images of a path are brought to 28x28; as of DigitsDataModule.

    Raises:
        InputError: There is no such dataset, it is damaged, or the picture cannot be written.
    """
    path = None if picture is None else Path(picture)
    if path is not None:
        check_output_path("--picture", path, _SUFFIXES)
    folder = Path(data_dir).expanduser() if data_dir else sources.default_data_dir()
    found, name = find_dataset(
        str(dataset), folder.absolute(), split_seed, skip_damaged, None, framing
    )
    splits = _load(found, name, folder)
    facts = find_facts(splits, len(found.classes))
    if path is not None:
        images, labels = splits["train"]
        figure = class_examples(images, examples(labels, EXAMPLES), found.classes, name)
        save_figure(figure, path)
    if not isinstance(found, PathDataset):
        return Inspection(name, found.classes, False, facts, None, {}, path)
    files = {split: names for split in splits if (names := found.files(split)) is not None}
    return Inspection(name, found.classes, found.held_out, facts, found.look, files, path)


def _load(found: DatasetInfo | PathDataset, name: str, folder: Path) -> dict[Split, Arrays]:
    """Images and labels of all splits that a dataset has."""
    if not isinstance(found, PathDataset):
        sources.prepare(name, folder)
    splits: dict[Split, Arrays] = {}
    for split in SPLITS:
        if split != "val" or found.num_val:
            images, labels = read_split(found, name, folder, split)
            splits[split] = images.numpy(), labels.numpy()
    return splits
