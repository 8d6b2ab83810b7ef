"""Print the result of an evaluation."""

from collections.abc import Mapping
from pathlib import Path

from deepdigits.core import tables
from deepdigits.core.console import say
from deepdigits.core.files import display_path
from deepdigits.metrics.report import Report
from deepdigits.runs.run import Run
from deepdigits.runs.trust import command_prefix
from deepdigits.training.cli import DigitsCLI


def print_evaluation(cli: DigitsCLI) -> None:
    """Print the report of the last evaluation of a CLI, if there was one; in one process."""
    writer = cli.report_writer
    if writer.report is not None and cli.trainer.is_global_zero:
        print_report(writer.report)
        print_files({**writer.files, "checkpoint": cli.trainer.ckpt_path})


def print_table(report: Report) -> None:
    """Print precision, recall and F1 of each class and overall."""
    tables.show(report.COLUMNS, report.rows())


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


def print_next_steps(run: Run, net: type) -> None:
    """Print what to do next with a run of a net that was just trained."""
    folder = display_path(run.folder)
    say("", f"dashboard   tensorboard --logdir {display_path(run.folder.parent.parent)}")
    if run.found_checkpoint is not None:
        say(f"more        {command_prefix(net)}deepdigits report {folder} --split train")
