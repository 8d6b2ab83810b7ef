"""``deepdigits audit``: the training labels that are probably wrong, by confident learning.

A net fits the labels that it was trained on. So the probabilities of an image come from a net that
was trained without it: from the folds of ``deepdigits repeat --folds``, or, for validation and test
images, from any run.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.commands.audited import Audited, read_audited
from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.console import say, say_text
from deepdigits.core.errors import InputError
from deepdigits.core.files import check_output_path, display_path, write_text
from deepdigits.data.registry import SPLITS, Split
from deepdigits.metrics.label_audit import class_pairs, doubted_labels, find_label_issues
from deepdigits.runs.resolve import run_argument
from deepdigits.runs.run import Run

_SHOWN = 10  # pairs and labels in the text
_PROBABILITIES = ("label_probability", "suggested_probability")
_COLUMNS = ("index", "label", "suggested", *_PROBABILITIES, "sha256")


@dataclass(frozen=True)
class Audit:
    """The suspicious labels of a dataset, the most suspicious first.

    Attributes:
        indices: Place of each image in the dataset, int64 (M,); see `Prediction.places`.
        labels: The given label, int64 (M,).
        suggested: The class that the nets are sure of, int64 (M,).
        label_probabilities: Probability of the label, float32 (M,): the lower, the more suspicious.
        suggested_probabilities: Probability of the suggested class, float32 (M,).
        sums: First 16 hexadecimal digits of the SHA-256 of each image, (M,).
        confident_joint: Counts of labels (rows) and confident classes (columns), int64 (C, C).
        class_names: Name of each class.
        dataset: Name of the dataset.
        split: train, val or test.
        num_images: Number of labels that were checked.
        num_suspicious: Number of suspicious labels; more than M if a limit was given.
        files: What was written: kind -> path.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    suggested: NDArray[np.int64]
    label_probabilities: NDArray[np.float32]
    suggested_probabilities: NDArray[np.float32]
    sums: NDArray[np.str_]
    confident_joint: NDArray[np.int64]
    class_names: tuple[str, ...]
    dataset: str
    split: str
    num_images: int
    num_suspicious: int
    files: dict[str, Path]

    @property
    def pairs(self) -> list[tuple[str, str, int]]:
        """Given class, suggested class and number of labels, the most frequent first."""
        names = self.class_names
        return [
            (names[label], names[new], number)
            for label, new, number in class_pairs(self.labels, self.suggested)
        ]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The suspicious labels as plain values, as in the CSV file."""
        return [
            {
                "index": int(self.indices[row]),
                "label": self.class_names[self.labels[row]],
                "suggested": self.class_names[self.suggested[row]],
                _PROBABILITIES[0]: round(float(self.label_probabilities[row]), 6),
                _PROBABILITIES[1]: round(float(self.suggested_probabilities[row]), 6),
                "sha256": str(self.sums[row]),
            }
            for row in range(len(self.indices))
        ]


def audit(
    runs: str | Path | Run | Sequence[str | Path | Run],
    split: Split | None = None,
    output: str | Path | None = None,
    limit: int | None = None,
) -> Audit:
    """Find the labels that are probably wrong, and write them as a CSV file and a picture.

    Args:
        runs: The folder of a `repeat` with folds, or several: the mean of their probabilities is
            taken. Or a run or a bundled net, with a split that it was not trained on.
        split: val or test, for runs without folds. None: the training images, for those with folds.
        output: The CSV file. None: audit.csv in the folder of the first run. The picture of the 50
            most doubted labels is written beside it, as .png.
        limit: Write this many labels at most. None: all suspicious labels.

    Raises:
        InputError: The nets were trained on the split, their images differ, or the file cannot be
            written.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, expected 1 or more")
    if output is not None:
        check_output_path("--output", Path(output), (".csv",))
    several = [runs] if isinstance(runs, str | Path | Run) else runs
    found = read_audited([run_argument(run) for run in several], split)
    path = found.folder / found.file_name if output is None else Path(output)
    made = _audit(found, limit, {"csv": path})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, _to_csv(made) + "\n")
    _draw(made, found, limit, path.with_suffix(".png"))
    return made


def main(args: Sequence[str]) -> Audit:
    """Print the suspicious labels.

    Returns:
        The audit.
    """
    options = build_parser().parse_args(args)
    made = audit(options.runs, options.split, options.output, options.limit)
    if options.format == "json":
        say_text(json.dumps(_to_json(made), indent=2))
    else:
        say_text(to_text(made))
    return made


def to_text(made: Audit) -> str:
    """The number of suspicious labels, the class pairs, and the most suspicious labels."""
    share = made.num_suspicious / made.num_images
    lines = [
        f"{made.dataset}, {made.split}: {made.num_suspicious:,} of {made.num_images:,} labels are "
        f"suspicious ({share:.2%})"
    ]
    lines += [f"given {old}, predicted {new}: {n:,}" for old, new, n in made.pairs[:_SHOWN]]
    lines += ["most suspicious:"] if made.rows else []
    lines += [
        f"index {row['index']}: label {row['label']} ({row['label_probability']:.1%}), suggested "
        f"{row['suggested']} ({row['suggested_probability']:.1%})"
        for row in made.rows[:_SHOWN]
    ]
    lines += [f"{kind:11} {display_path(path)}" for kind, path in made.files.items()]
    if made.split == "train":
        file = display_path(made.files["csv"])
        lines.append(f"next: look at the labels, then deepdigits train --data.exclude {file}")
    return "\n".join(lines)


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "audit",
        description="List the labels that are probably wrong, by confident learning (Northcutt, "
        "Jiang, Chuang 2021): a CSV file, and a picture of the 50 most suspicious. For training "
        "images RUN is the folder of a `deepdigits repeat` with folds.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="folder of a repeat with folds, or a run with --split; of several, the mean of their "
        "probabilities is taken",
    )
    parser.add_argument(
        "--split", choices=SPLITS, help="val or test, for runs without folds: audit these images"
    )
    parser.add_argument(
        "--output",
        metavar="FILE.csv",
        help="the CSV file; the picture is written beside it (default: audit.csv in the folder of "
        "RUN)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="write N labels at most")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def _audit(found: Audited, limit: int | None, files: dict[str, Path]) -> Audit:
    issues = find_label_issues(found.probabilities, found.labels)
    chosen, suggested = issues.indices[:limit], issues.suggested[:limit]
    return Audit(
        indices=found.places[chosen],
        labels=found.labels[chosen],
        suggested=suggested,
        label_probabilities=found.probabilities[chosen, found.labels[chosen]],
        suggested_probabilities=found.probabilities[chosen, suggested],
        sums=found.sums[chosen],
        confident_joint=issues.confident_joint,
        class_names=found.class_names,
        dataset=found.dataset,
        split=found.split,
        num_images=len(found.labels),
        num_suspicious=len(issues.indices),
        files=files,
    )


def _to_csv(made: Audit) -> str:
    return tables.comma_separated(made.rows) if made.rows else ",".join(_COLUMNS)


def _to_json(made: Audit) -> dict[str, Any]:
    keys = ("dataset", "split", "num_images", "num_suspicious")
    return {
        **{key: getattr(made, key) for key in keys},
        "class_pairs": [
            {"label": old, "suggested": new, "number": number} for old, new, number in made.pairs
        ],
        "confident_joint": made.confident_joint.tolist(),
        "labels": made.rows,
        "files": {kind: str(path) for kind, path in made.files.items()},
    }


def _draw(made: Audit, found: Audited, limit: int | None, path: Path) -> None:
    """Draw the images of the most suspicious labels; without the dataset, one line says why not.

    If there are few of them, the labels follow that the nets doubt without being sure.
    """
    from deepdigits.plots.label_audit import LIMIT, suspicious_labels  # loads matplotlib
    from deepdigits.plots.style import save_figure

    indices, suggested = doubted_labels(found.probabilities, found.labels)
    shown = indices[: min(limit or LIMIT, LIMIT)]
    if not len(shown):
        return
    try:
        images = found.images_at(found.places[shown], found.sums[shown])
    except InputError as error:
        say(f"note: there is no picture: {error}", error=True)
        return
    figure = suspicious_labels(
        images,
        found.labels[shown],
        suggested[: len(shown)],
        found.places[shown],
        made.class_names,
        made.num_suspicious,
    )
    save_figure(figure, path)
    made.files["picture"] = path
