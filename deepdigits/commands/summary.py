"""Print the result of an evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from deepdigits.core import tables
from deepdigits.core.console import say
from deepdigits.core.files import display_path
from deepdigits.metrics.report import Report
from deepdigits.runs.data_module import has_test_split
from deepdigits.runs.run import Run
from deepdigits.runs.trust import command_prefix
from deepdigits.training.cli import DigitsCLI

MAX_ROWS = 50  # classes of a table; of more, those with the lowest F1 are shown
_WEAKEST = 20


def print_evaluation(cli: DigitsCLI) -> None:
    """Print the report of the last evaluation of a CLI, else the metrics; in one process."""
    writer = cli.report_writer
    if not cli.trainer.is_global_zero or (writer.report is None and writer.missing is None):
        return
    if writer.report is not None:
        print_report(writer.report)
    else:
        say(f"there is no report: {writer.missing}; the metrics that it logs:")
        print_metrics(cli.trainer.callback_metrics)
    print_files({**writer.files, "checkpoint": cli.trainer.ckpt_path})


def print_metrics(metrics: Mapping[str, SupportsFloat]) -> None:
    """Print the metrics of a net that has no report."""
    if metrics:
        rows = [[name, f"{float(value):.4f}"] for name, value in metrics.items()]
        tables.show(("metric", "value"), rows)


def print_table(report: Report) -> None:
    """Print precision, recall and F1 of each class and overall; of many classes the weakest."""
    *rows, overall = report.rows()
    if len(rows) <= MAX_ROWS:
        tables.show(report.COLUMNS, [*rows, overall])
        return
    tested = [number for number, scores in enumerate(report.classes) if scores.num_samples]
    weakest = sorted(tested, key=lambda number: report.classes[number].f1)[:_WEAKEST]
    tables.show(report.COLUMNS, [*(rows[number] for number in weakest), overall])
    say(f"the {len(weakest)} of {len(rows):,} classes with the lowest F1; report.md has all", "")


def print_report(report: Report) -> None:
    """Print the table of a report, its accuracy and its commonest errors."""
    print_table(report)
    confused = ", ".join(f"{t} as {p} ({n})" for t, p, n in report.most_confused())
    say(f"accuracy {report.accuracy:.2%}: {report.errors} errors in {report.num_samples}")
    if confused:
        say(f"most confused: {confused}")
    say("")


def print_files(files: Mapping[str, Path | str | None]) -> None:
    """Print what was written or read: kind -> path; None is left out."""
    for kind, path in files.items():
        if path:
            say(f"{kind:<11} {display_path(path)}")


def print_next_steps(cli: DigitsCLI) -> None:
    """Print what to do next with the run of a training, if it was tested."""
    folder, writer, data = cli.run_folder, cli.report_writer, cli.datamodule
    if folder is None or (writer.report is None and writer.missing is None):
        return
    say("")
    if any(folder.rglob("events.out.tfevents*")):
        say(f"dashboard   tensorboard --logdir {display_path(folder.parent.parent)}")
    has_splits = writer.report is not None and has_test_split(type(data))
    if has_splits and Run(folder).found_checkpoint is not None:
        command = f"{command_prefix(type(cli.model), type(data))}deepdigits"
        say(f"more        {command} report {display_path(folder)} --split train")
