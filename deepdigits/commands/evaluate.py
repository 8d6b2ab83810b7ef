"""``deepdigits report``, ``test`` and ``validate``: evaluate a trained net on a split."""

from collections.abc import Sequence
from pathlib import Path

from deepdigits.commands import summary
from deepdigits.commands.overrides import Overrides, override_arguments
from deepdigits.commands.parser import ArgumentParser
from deepdigits.data.registry import SPLITS, Split
from deepdigits.metrics.report import Report
from deepdigits.runs.resolve import RUN_HELP, run_argument
from deepdigits.runs.run import Run
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import call, execute


def evaluate(run: Run | str | Path, split: Split = "test", overrides: Overrides = ()) -> Report:
    """Evaluate a trained net on a split, and write the report into its run folder.

    Args:
        run: A run, its folder, a checkpoint in it, ``latest``, or a bundled net (cnn or mlp).
        split: train, val or test; without augmentation.
        overrides: Flags that override the run's config, or a mapping of them.

    Returns:
        Accuracy, loss, and precision, recall and F1 of each class.

    Raises:
        InputError: There is no such run, or a flag is wrong.
    """
    report = _evaluate(run, split, overrides).report_writer.report
    assert report is not None
    return report


def main(args: Sequence[str]) -> Report:
    """Evaluate a run on a split, and print its report.

    Returns:
        The report.
    """
    options = build_parser().parse_args(args)
    cli = _evaluate(options.run, options.split)
    summary.print_evaluation(cli)
    report = cli.report_writer.report
    assert report is not None
    return report


def main_test(args: Sequence[str]) -> DigitsCLI:
    """Run Lightning's `test`, and print the report."""
    return _run("test", args)


def main_validate(args: Sequence[str]) -> DigitsCLI:
    """Run Lightning's `validate`, and print the report."""
    return _run("validate", args)


def _evaluate(run: Run | str | Path, split: Split, overrides: Overrides = ()) -> DigitsCLI:
    flags = [f"--ckpt_path={run_argument(run)}", f"--data.test_split={split}"]
    return call("test", [*flags, *override_arguments(overrides)])


def _run(command: str, args: Sequence[str]) -> DigitsCLI:
    cli = execute(command, args)
    summary.print_evaluation(cli)
    return cli


def build_parser() -> ArgumentParser:
    """The parser of `report`."""
    parser = ArgumentParser(
        "report", description="Evaluate a trained net on a split, and write the report into its run"
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="test writes report.json, the others report-SPLIT.json (default: test)",
    )
    return parser
