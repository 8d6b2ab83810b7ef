"""``deepdigits data``: what is in a dataset: counts, pixels, repeated images, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdigits.commands.inspection import Inspection, inspect_data
from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.console import say, say_text
from deepdigits.core.files import display_path
from deepdigits.core.text import printable
from deepdigits.data.inspection import Repeated
from deepdigits.data.paths.framing import FRAMINGS
from deepdigits.data.registry import Split

EXAMPLES = 10  # images of each class in the picture
MAX_ROWS = 20  # classes in the table; of more, the largest and the smallest are shown
_LISTED = 3  # pairs of repeated images that are named
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


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
        options.framing,
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
    parser.add_argument(
        "--framing",
        choices=FRAMINGS,
        default="auto",
        help="how images are brought to 28x28, as for --data.framing (default: auto)",
    )
    return parser


def _print(made: Inspection) -> None:
    facts = made.facts
    counts = [f"{own.sum():,} {split}" for split, own in facts.counts.items()]
    held_out = " (held out of the training images)" if made.held_out else ""
    say(f"{made.name}: {len(made.class_names):,} classes, {', '.join(counts)}{held_out}")
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
    if made.look is not None and len(made.look.sizes) > 1:
        sizes = [
            f"{number:,} of {size}" for size, number in list(made.look.sizes.items())[:_LISTED]
        ]
        say(f"sizes       {', '.join(sizes)}{', ...' if len(made.look.sizes) > _LISTED else ''}")
    _print_repeated("duplicates  ", "pairs of equal images", facts.exact, made.files)
    _print_repeated("            ", "pairs of nearly equal images", facts.near, made.files)
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


def _print_repeated(
    margin: str, what: str, found: Repeated, files: Mapping[Split, Sequence[str]]
) -> None:
    """A line with the number of pairs, and the first of them."""
    line = f"{what}: {len(found.pairs):,}"
    if found.pairs:
        line += f", {found.across:,} across splits, {found.conflicting:,} with different labels"
        shown = [
            " and ".join(
                files[split][place] if split in files else f"{split} {place}"
                for split, place in pair
            )
            for pair in found.pairs[:_LISTED]
        ]
        line += f" ({', '.join([*shown, *(['...'] if len(found.pairs) > _LISTED else [])])})"
    say(margin + line)
