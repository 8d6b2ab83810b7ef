"""What a command leaves in the process that ran it, for the process that started that one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from deepdigits.metrics.report import Report
from deepdigits.runs.run import Run
from deepdigits.training.cli import DigitsCLI


@dataclass(frozen=True)
class Outcome:
    """The results of a command.

    Attributes:
        folder: The run folder; None if nothing is written.
        checkpoint: The checkpoint that was loaded last, if any.
        report: The report of an evaluation, if there was one.
        missing: Why there is no report of an evaluation; None if there is one, or was none.
        files: The written files: kind -> path.
        probabilities: Those of a prediction, (N, C).
        metrics: The metrics that the net has logged.
        weights: Those of the net.
    """

    folder: Path | None
    checkpoint: Any
    report: Report | None
    missing: str | None
    files: dict[str, Path]
    probabilities: Tensor | None
    metrics: dict[str, Tensor]
    weights: dict[str, Tensor]


def outcome_of(cli: DigitsCLI) -> Outcome:
    """The outcome of a command that was run in this process."""
    trainer, writer = cli.trainer, cli.report_writer
    return Outcome(
        cli.run_folder,
        trainer.ckpt_path,
        writer.report,
        writer.missing,
        writer.files,
        cli.prediction_writer.probabilities if cli.stage == "predict" else None,
        {name: value.cpu() for name, value in trainer.callback_metrics.items()},
        {name: value.cpu() for name, value in cli.model.state_dict().items()},
    )


def take_over(cli: DigitsCLI, outcome: Outcome) -> None:
    """Put the outcome of a command into the CLI of the process that has started the others."""
    if outcome.folder is not None:
        cli.holder.run = cli.holder.run or Run(outcome.folder)
    writer = cli.report_writer
    writer.report, writer.missing, writer.files = outcome.report, outcome.missing, outcome.files
    if outcome.probabilities is not None:
        cli.prediction_writer.probabilities = outcome.probabilities
    cli.trainer.ckpt_path = outcome.checkpoint
    cli.trainer.callback_metrics.update(outcome.metrics)
    cli.model.load_state_dict(outcome.weights, strict=False)
