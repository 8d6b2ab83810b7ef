"""Run a command line of `fit`, `validate`, `test`, `predict` or `train` (fit, then test)."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.strategies import DDPStrategy
from torch.distributed import DistNetworkError

from deepdigits.core.errors import InputError, Interrupted, RunFailed, one_line
from deepdigits.core.failures import explain
from deepdigits.runs.run import Run
from deepdigits.training.arguments import expand_run
from deepdigits.training.batch_limits import check_batches
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.config_flags import named_configs
from deepdigits.training.isolation import isolated
from deepdigits.training.launching import run_in_processes
from deepdigits.training.lightning_compat import copying_method, start_no_processes
from deepdigits.training.message_filters import filtered_messages
from deepdigits.training.options import Stage
from deepdigits.training.outcome import Outcome, outcome_of, take_over
from deepdigits.training.parser import Parser
from deepdigits.training.processes import is_peer_lost, peer_lost
from deepdigits.training.refusals import refusal_of_lightning
from deepdigits.training.relaunch import has_saved
from deepdigits.training.started_process import Launch, Starter

STAGES: Mapping[str, Stage] = {
    "train": "fit",
    "fit": "fit",
    "validate": "validate",
    "test": "test",
    "predict": "predict",
}


def execute(command: str, args: Sequence[str], needs_folder: bool = False) -> DigitsCLI:
    """Parse a command line, run it and return what was built.

    Args:
        command: train, fit, validate, test or predict.
        args: Its configs and flags.
        needs_folder: Refuse a training without a run folder before it starts.

    Returns:
        The CLI with its trainer, model, datamodule and report writer.

    Raises:
        InputError: A flag, a config or a file that they name is wrong.
        RunFailed: The disk is full, a loss is not finite, or another process of the run ended.
        Interrupted: A signal asked to stop.
    """
    args = named_configs(args)
    with (
        filtered_messages(),
        isolated(args),
        _one_line_errors(),
        GracefulShutdown(command) as shutdown,
    ):
        given = expand_run(command, args)
        cli = DigitsCLI(STAGES[command], *given, shutdown=shutdown)
        check_batches(command, cli.trainer, cli.datamodule)
        if needs_folder and not cli.leaves_run:
            raise InputError(
                "this training leaves no run folder: leave out trainer.fast_dev_run and "
                "trainer.barebones"
            )
        if copying_method(cli.trainer) is None:
            _run(command, cli, shutdown)
        else:
            words = (command, args, *given)
            take_over(cli, run_in_processes(_run_in_copy, words, _launch(cli), shutdown))
        return cli


def call(command: str, args: Sequence[str]) -> DigitsCLI:
    """Like :func:`execute`, for calls from Python.

    Ctrl-C raises KeyboardInterrupt, and a training that would leave no run folder is refused.
    """
    try:
        return execute(command, args, needs_folder=STAGES[command] == "fit")
    except Interrupted as stop:
        if stop.code == 128 + signal.SIGINT:
            raise KeyboardInterrupt(stop.line) from stop
        raise


def resolve_config(args: Sequence[str]) -> dict[str, Any]:
    """The config that a `train` with these flags saves, without settings that are null.

    Nothing is trained or written.

    Raises:
        InputError: A flag or a config is wrong.
    """
    args = named_configs(args)
    with filtered_messages(), isolated(args), _one_line_errors():
        cli = DigitsCLI("fit", args)  # builds all, since a class may refuse a value
        check_batches("train", cli.trainer, cli.datamodule)
        content = yaml.safe_load(cli.parser.dump(cli.config))
    assert isinstance(content, dict)
    return content


def check_arguments(args: Sequence[str]) -> None:
    """Check the configs and flags of a `train` that another machine is to run.

    Nothing is built, so what depends on the machine, such as its GPUs, is not checked.

    Raises:
        InputError: A flag or a config is wrong.
    """
    args = named_configs(args)
    with filtered_messages(), isolated(args), _one_line_errors():
        given, _ = expand_run("train", args)
        _Parsed("fit", given)


def option_names(command: str) -> list[str]:
    """The long options of a command, sorted; those of a net's class are not among them."""
    with filtered_messages(), isolated([]):
        parser = _Unbuilt(STAGES[command], ["--model=LitMLP"]).parser
    assert isinstance(parser, Parser)
    return parser.option_names()


def _run(command: str, cli: DigitsCLI, shutdown: GracefulShutdown) -> None:
    try:
        with cli.run_folder_lock(tests=command == "train"):
            cli.run()
            shutdown.check()
            if command == "train":
                cli.test_best()
    except Exception as error:
        if not is_peer_lost(error) or cli.stage != "fit" or cli.run_folder is None:
            raise
        # A node with a disk of its own cannot know what the first one has saved.
        unsaved = False if cli.trainer.is_global_zero else None
        raise peer_lost(command, cli.run_folder, has_saved(cli.run_folder) or unsaved) from error


def _run_in_copy(
    starter: Starter, command: str, typed: Sequence[str], args: Sequence[str], run: Run | None
) -> Outcome:
    """Run a command in one of several processes, and return its outcome."""
    with (
        filtered_messages(),
        isolated(typed),
        _one_line_errors(),
        GracefulShutdown(command) as shutdown,
    ):
        starter.send_signals_to(shutdown)
        cli = DigitsCLI(STAGES[command], args, run, shutdown)
        start_no_processes(cli.trainer)
        _run(command, cli, shutdown)
        return outcome_of(cli)


def _launch(cli: DigitsCLI) -> Launch:
    """How the processes of a strategy that copies this one are started."""
    method, strategy = copying_method(cli.trainer), cli.trainer.strategy
    assert method is not None and isinstance(strategy, DDPStrategy)
    cluster, threads = strategy.cluster_environment, cli.config.num_threads
    assert cluster is not None
    if cluster.creates_processes_externally:
        raise InputError(
            "trainer.strategy starts the processes of this machine itself, and another program "
            "has done so already (LOCAL_RANK is set): use ddp"
        )
    if method != "spawn" and threads not in (None, 1):
        raise InputError(
            f"num_threads is {threads}, but a process that is forked has 1 thread (torch hangs "
            "with more): pass --num_threads 1, or use ddp_spawn in a script"
        )
    environment = {**os.environ, "MASTER_PORT": str(cluster.main_port)}
    return Launch(method, strategy.num_processes, environment)


class _Unbuilt(DigitsCLI):
    """Parses and settles a config, and builds nothing."""

    def instantiate_classes(self) -> None:
        """Build nothing."""


class _Parsed(_Unbuilt):
    """Parses a config only: it may be for another machine."""

    def before_instantiate_classes(self) -> None:
        """Settle nothing."""


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn the failures that a user can act on into one-line errors."""
    try:
        yield
    except MisconfigurationException as error:
        raise InputError(one_line(error)) from error
    except Exception as error:
        if isinstance(error, DistNetworkError):
            raise RunFailed(
                f"the processes of this run cannot connect ({one_line(error, 200)}): check "
                "MASTER_ADDR and MASTER_PORT"
            ) from error
        if is_peer_lost(error):
            raise peer_lost() from error
        line = explain("the run", error) or refusal_of_lightning(error)
        if line is None:
            raise
        raise line from error
