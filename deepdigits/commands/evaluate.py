"""``deepdigits report``, ``test`` and ``validate``: evaluate a trained net on a split."""

from collections.abc import Sequence
from pathlib import Path

from deepdigits.commands import summary
from deepdigits.commands.overrides import Overrides, override_arguments
from deepdigits.commands.parser import ArgumentParser
from deepdigits.core.errors import InputError
from deepdigits.data.registry import SPLITS, Split
from deepdigits.metrics.report import Report
from deepdigits.runs.resolve import RUN_HELP, resolve_run, run_argument
from deepdigits.runs.run import Run
from deepdigits.training.arguments import split_arguments
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
    return _report(_evaluate(run, split, overrides))


def main(args: Sequence[str]) -> Report:
    """Evaluate a run on a split, and print its report.

    Returns:
        The report.
    """
    options = build_parser().parse_args(args)
    cli = _evaluate(options.run, options.split)
    report = _report(cli)
    summary.print_evaluation(cli)
    return report


def main_test(args: Sequence[str]) -> DigitsCLI:
    """Run Lightning's `test`, and print the report."""
    return _run("test", args)


def main_validate(args: Sequence[str]) -> DigitsCLI:
    """Run Lightning's `validate`, and print the report."""
    return _run("validate", args)


def _evaluate(run: Run | str | Path, split: Split, overrides: Overrides = ()) -> DigitsCLI:
    more = override_arguments(overrides)
    command, flags = split_arguments(resolve_run(run), split, more)
    return call(command, [f"--ckpt_path={run_argument(run)}", *flags, *more])


def _report(cli: DigitsCLI) -> Report:
    """The report of an evaluation.

    Raises:
        InputError: There is none, since the net is not a LitClassifier, or measures nothing.
    """
    writer = cli.report_writer
    if writer.report is None:
        raise InputError(
            f"there is no report of {cli.run_folder}: {writer.missing}; `deepdigits test "
            "--ckpt_path RUN` prints the metrics that it logs"
        )
    return writer.report


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
