"""What an evaluation leaves in a run folder: report, predictions and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from deepdigits.metrics.report import Report
from deepdigits.plots.evaluation import confusion_matrix
from deepdigits.plots.image_grid import mistakes
from deepdigits.runs import predictions
from deepdigits.runs.json_files import write_json
from deepdigits.runs.predictions import of_split
from deepdigits.runs.run import Run


def write(
    run: Run,
    report: Report,
    facts: Mapping[str, Any],
    images: Tensor,
    labels: Tensor,
    probabilities: Tensor,
) -> dict[str, Path]:
    """Write report.json, report.md, predictions.npz, confusion.png and mistakes.png.

    Where another split than test was read, the names carry it.

    Args:
        run: Where to.
        report: The figures.
        facts: What else report.json holds; dataset and split among it.
        images: uint8 (N, 28, 28), of the split in order.
        labels: (N,).
        probabilities: Class probabilities (N, C).

    Returns:
        What was written for people to look at: kind -> path.
    """
    dataset, split = facts["dataset"], facts["split"]
    path = write_json(run.folder / of_split("report.json", split), report.to_dict() | dict(facts))
    heading = f"# {dataset}, {split}: {report.accuracy:.2%} right\n\n"
    (run.folder / of_split("report.md", split)).write_text(f"{heading}{report.to_markdown()}\n")
    sure, predicted = probabilities.max(dim=1)
    predictions.write(run.folder, split, predicted.numpy(), labels.numpy())
    files = {"report": path}
    for kind, figure in (
        ("confusion", confusion_matrix(report)),
        ("mistakes", mistakes(images, labels, predicted, sure, report.class_names)),
    ):
        files[kind] = run.folder / of_split(f"{kind}.png", split)
        figure.savefig(files[kind])
    return files
