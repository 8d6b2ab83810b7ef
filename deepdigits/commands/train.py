"""``deepdigits train`` and ``fit``: train a net, and test its best checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from deepdigits.commands import summary
from deepdigits.commands.overrides import Config, Overrides, config_arguments, override_arguments
from deepdigits.runs.resolve import run_argument
from deepdigits.runs.run import Run
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import call, execute


def train(
    config: Config | Sequence[Config] = (),
    overrides: Overrides = (),
    *,
    resume: Run | str | Path | None = None,
    init_from: Run | str | Path | None = None,
    test: bool = True,
) -> Run:
    """Train a net, test its best checkpoint, and return its run.

    The working directory, sys.path, environment, thread count and random state of the process are
    the same afterwards.

    Args:
        config: A config file, the name of one that comes with the package, such as ``cnn``, or a
            mapping; or several, where later ones override earlier ones.
        overrides: Flags as on the command line, or a mapping such as
            ``{"trainer.max_epochs": 1}``.
        resume: A run to continue in its folder; then no config is needed.
        init_from: A run whose weights a new training starts from, with a new epoch and optimizer.
        test: Whether to test the best checkpoint at the end, which writes report.json.

    Returns:
        The run: its folder, config, metrics, report and model.

    Raises:
        InputError: A config, a flag or a file that they name is wrong.
        RunFailed: The disk is full, or a loss is not finite.

    Example::

        run = deepdigits.train("mlp", {"trainer.max_epochs": 1})
        run.report.accuracy, run.metrics["val/loss"], run.model()
    """
    args = [*config_arguments(config), *override_arguments(overrides)]
    if resume is not None:
        args = ["--resume", run_argument(resume), *args]
    if init_from is not None:
        args = [*args, "--init_from", run_argument(init_from)]
    folder = call("train" if test else "fit", args).run_folder
    assert folder is not None
    return Run(folder)


def main(args: Sequence[str]) -> DigitsCLI:
    """Train, test, and print the report.

    Returns:
        The CLI, with its trainer, model and datamodule.
    """
    cli = execute("train", args)
    summary.print_evaluation(cli)
    if cli.trainer.is_global_zero:
        summary.print_next_steps(cli)
    return cli


def main_fit(args: Sequence[str]) -> DigitsCLI:
    """Train, and return the CLI."""
    return execute("fit", args)
