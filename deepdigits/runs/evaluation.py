"""The files of an evaluation in a run folder: report, predictions and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from deepdigits.core.files import write_text
from deepdigits.core.text import markdown_text
from deepdigits.metrics.report import Report
from deepdigits.plots.evaluation import confusion_matrix
from deepdigits.plots.image_grid import mistakes
from deepdigits.plots.style import save_figure
from deepdigits.runs import predictions
from deepdigits.runs.json_files import write_json
from deepdigits.runs.predictions import of_split
from deepdigits.runs.run import Run


class Pictured(NamedTuple):
    """The images of a split with their probabilities.

    Attributes:
        images: Images of the split in order, uint8 (N, 28, 28).
        labels: True labels (N,).
        probabilities: Class probabilities (N, C).
    """

    images: Tensor
    labels: Tensor
    probabilities: Tensor


def write(
    run: Run, report: Report, facts: Mapping[str, Any], pictured: Pictured | None
) -> dict[str, Path]:
    """Write predictions.npz, confusion.png, mistakes.png, report.md and, last, report.json.

    Each file is written whole or not at all; where there is a report.json, the others are there.
    The files of another split than test have its name in theirs, such as ``report-val.json``.

    Args:
        run: The run whose folder gets the files.
        report: The metrics of the evaluation.
        facts: Further entries of report.json; ``dataset`` and ``split`` must be among them.
        pictured: The images. None: they are not known, so there are no predictions and mistakes;
            those of an earlier evaluation are removed.

    Returns:
        Path of ``report``, ``confusion`` and ``mistakes``.
    """
    dataset, split = facts["dataset"], facts["split"]
    folder, files = run.folder, {"report": run.folder / of_split("report.json", split)}
    figures = {"confusion": confusion_matrix(report)}
    if pictured is None:
        for name in ("predictions.npz", "mistakes.png"):
            (folder / of_split(name, split)).unlink(missing_ok=True)
    else:
        images, labels, probabilities = pictured
        confidences, predicted = probabilities.max(dim=1)
        predictions.write(folder, split, predicted.numpy(), labels.numpy())
        figures["mistakes"] = mistakes(images, labels, predicted, confidences, report.class_names)
    for kind, figure in figures.items():
        files[kind] = folder / of_split(f"{kind}.png", split)
        save_figure(figure, files[kind])
    heading = f"# {markdown_text(dataset)}, {split}: {report.accuracy:.2%} right\n\n"
    write_text(folder / of_split("report.md", split), f"{heading}{report.to_markdown()}\n")
    write_json(files["report"], report.to_dict() | dict(facts))
    return files
