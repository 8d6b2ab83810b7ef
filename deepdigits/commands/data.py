"""``deepdigits data``: what is in a dataset: counts, pixels, repeated images, and a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.console import say, say_text
from deepdigits.core.files import check_output_path, display_path
from deepdigits.core.text import printable
from deepdigits.data import sources
from deepdigits.data.division import read_split
from deepdigits.data.inspection import Arrays, Facts, Repeated, examples, find_facts
from deepdigits.data.paths.dataset import find_dataset
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.registry import SPLITS, DatasetInfo, Split
from deepdigits.plots.class_examples import class_examples
from deepdigits.plots.style import save_figure

EXAMPLES = 10  # images of each class in the picture
MAX_ROWS = 20  # classes in the table; of more, the largest and the smallest are shown
_LISTED = 3  # pairs of repeated images that are named
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


@dataclass(frozen=True)
class Inspection:
    """What is in a dataset.

    Attributes:
        name: Name of the dataset.
        class_names: Name of each class.
        held_out: Whether the test images are a part of the training images of a path.
        facts: Counts, pixels and repeated images.
        picture: Examples of each class; None: not written.
    """

    name: str
    class_names: tuple[str, ...]
    held_out: bool
    facts: Facts
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
            "background": facts.background,
            "light_on_dark": facts.light_on_dark,
            "mean": facts.mean,
            "sd": facts.sd,
            "exact_duplicates": facts.exact.to_dict(),
            "near_duplicates": facts.near.to_dict(),
            "picture": None if self.picture is None else str(self.picture),
        }


def inspect_data(
    dataset: str | Path,
    picture: str | Path | None = None,
    data_dir: str | Path | None = None,
    skip_damaged: bool = False,
    split_seed: int = 0,
) -> Inspection:
    """Count classes, look for repeated images, and draw examples of each class.

    Args:
        dataset: Name of a dataset of the catalogue, or a path.
        picture: A .png, .svg, .pdf or .jpg file to write. None: no picture.
        data_dir: The data folder; None: as of DigitsDataModule.
        skip_damaged: Leave damaged images of a folder out.
        split_seed: Seed of the selection of test images, if a path has no test split.

    Raises:
        InputError: There is no such dataset, it is damaged, or the picture cannot be written.
    """
    path = None if picture is None else Path(picture)
    if path is not None:
        check_output_path("--picture", path, _SUFFIXES)
    folder = Path(data_dir).expanduser() if data_dir else sources.default_data_dir()
    found, name = find_dataset(str(dataset), folder.absolute(), split_seed, skip_damaged, None)
    splits = _load(found, name, folder)
    facts = find_facts(splits, len(found.classes))
    if path is not None:
        images, labels = splits["train"]
        figure = class_examples(images, examples(labels, EXAMPLES), found.classes, name)
        save_figure(figure, path)
    held_out = isinstance(found, PathDataset) and found.held_out
    return Inspection(name, found.classes, held_out, facts, path)


def main(args: Sequence[str]) -> Inspection:
    """Inspect a dataset, and print what was found.

    Raises:
        InputError: As `inspect_data`.
    """
    options = build_parser().parse_args(args)
    picture = options.picture
    if picture is None:
        picture = f"data-{printable(Path(options.dataset).absolute().stem)}.png"
    made = inspect_data(
        options.dataset,
        None if picture == "null" else picture,
        options.data_dir,
        options.skip_damaged,
        options.split_seed,
    )
    if options.format == "json":
        say_text(json.dumps(made.to_dict(), indent=2))
    else:
        _print(made)
    return made


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "data",
        description="Show what is in a dataset: classes and counts, pixels, images that are there "
        "twice, and a picture of ten images of each class.",
    )
    parser.add_argument(
        "dataset",
        metavar="NAME|PATH",
        help="as for --data.dataset: a name such as mnist, or the path of your own data",
    )
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="the picture; null: none (default: data-NAME.png in the working directory)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--data_dir", metavar="DIR", help="the data folder, as for --data.data_dir")
    parser.add_argument(
        "--skip_damaged", action="store_true", help="leave damaged images of a folder out"
    )
    parser.add_argument(
        "--split_seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the test images of a path without a test split (default: 0)",
    )
    return parser


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


def _print(made: Inspection) -> None:
    facts = made.facts
    sizes = {split: f"{own.sum():,} {split}" for split, own in facts.counts.items()}
    held_out = " (held out of the training images)" if made.held_out else ""
    say(f"{made.name}: {len(made.class_names):,} classes, {', '.join(sizes.values())}{held_out}")
    head, rows = _table(made.class_names, facts.counts)
    tables.show(head, rows)
    if (hidden := len(made.class_names) - len(rows)) > 0:
        say(f"{hidden:,} classes of sizes between these are left out; --format json has all")
    way = "light on dark" if facts.light_on_dark else "dark on light: MNIST is light on dark"
    say(
        f"imbalance   the largest class has {facts.imbalance:.1f} times the training images of the "
        "smallest",
        f"pixels      mean {facts.mean:.1f}, standard deviation {facts.sd:.1f} of 255; background "
        f"{facts.background}, {way}",
    )
    _print_repeated("duplicates  ", "{} images equal an earlier one", facts.exact)
    _print_repeated("            ", "{} pairs of images are nearly the same", facts.near)
    if made.picture is not None:
        say(f"picture     {display_path(made.picture)}")


def _table(names: Sequence[str], counts: Mapping[Split, Any]) -> tuple[list[str], list[list[str]]]:
    """Images of each class; of many classes the largest and the smallest ones."""
    numbers = list(range(len(names)))
    if len(names) > MAX_ROWS:
        ranked = sorted(numbers, key=lambda number: -counts["train"][number])
        numbers = [*ranked[: MAX_ROWS // 2], *ranked[-MAX_ROWS // 2 :]]
    rows = [[names[n], *(f"{own[n]:,}" for own in counts.values())] for n in numbers]
    return ["class", *counts], rows


def _print_repeated(margin: str, what: str, found: Repeated) -> None:
    """A line with the number of pairs, and the first of them."""
    line = what.format(f"{len(found.pairs):,}")
    if found.pairs:
        line += f": {found.across:,} across splits, {found.conflicting:,} with different labels"
        shown = [f"{a} {i} and {b} {j}" for (a, i), (b, j) in found.pairs[:_LISTED]]
        line += f" ({', '.join([*shown, *(['...'] if len(found.pairs) > _LISTED else [])])})"
    say(margin + line)
