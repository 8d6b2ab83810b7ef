"""Build data, net and Trainer from configs and flags, with LightningCLI."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from torch import Tensor

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import display_path
from deepdigits.core.launched import launched
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.checkpoint_record import CHECKPOINTS, LAST
from deepdigits.runs.own_nets import unshared
from deepdigits.runs.run import Run
from deepdigits.training import loggers
from deepdigits.training.assembly import Parts, bare, callbacks, leaves_run, plugins
from deepdigits.training.callbacks.checkpoint_paths import CheckpointPaths, checkpoint_folder
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.prediction_writer import PredictionWriter
from deepdigits.training.callbacks.report_writer import ReportWriter
from deepdigits.training.callbacks.run_folder import RunFolder
from deepdigits.training.callbacks.save_config import AtomicSaveConfigCallback
from deepdigits.training.checkpoint_io import wrap_restore_errors
from deepdigits.training.chosen_optimizer import choose_optimizer
from deepdigits.training.classifier import LitCNN, LitMLP
from deepdigits.training.config_flags import (
    config_name,
    has_flag,
    names_data_class,
    typed_keys,
    with_data_help,
)
from deepdigits.training.folder_lock import sole_training
from deepdigits.training.hooks import lacks
from deepdigits.training.launched_settings import ONE_PROCESS, launched_settings
from deepdigits.training.lightning_compat import take_whole_numbers
from deepdigits.training.monitors import check_monitors
from deepdigits.training.options import DEFAULTS, Stage, add_links, add_options
from deepdigits.training.origin import read_origin, take_weights
from deepdigits.training.parser import EPILOGS, Parser, shorten
from deepdigits.training.processes import from_first_process
from deepdigits.training.refusals import refusal
from deepdigits.training.relaunch import find_run, launch_keys
from deepdigits.training.rendezvous import join
from deepdigits.training.settled import forget_copies, settle, use_machine
from deepdigits.training.threads import fastest_threads
from deepdigits.training.validation import check_top_k, why_never_validated
from deepdigits.training.value_limits import check_values

SHORT_NAMES = (LitMLP, LitCNN)  # imported, so that `--model LitCNN` needs no module


class DigitsCLI(LightningCLI):
    """Parse a config and build its data, net and Trainer; :meth:`run` runs them.

    Callbacks and logger are named groups: stacked configs merge mappings, but replace lists.

    Args:
        stage: The Trainer method to run.
        args: Configs and flags.
        run: The run that is evaluated, or that a training continues. None: a new one.
        shutdown: The callback that stops the run on a signal. None: signals stay as they are.

    Raises:
        InputError: A flag or a config is wrong, or a class refuses a value.
    """

    def __init__(
        self,
        stage: Stage,
        args: Sequence[str],
        run: Run | None = None,
        shutdown: GracefulShutdown | None = None,
    ) -> None:
        self.stage = stage
        self.args = with_data_help(args)
        # An absolute folder: a user's class may change the working directory.
        self.holder = RunFolder(run and replace(run, folder=run.folder.absolute()))
        self.shutdown = shutdown
        self.working_directory = os.getcwd()
        self.own_data = names_data_class(args)
        take_whole_numbers()
        super().__init__(
            LightningModule,
            LightningDataModule if self.own_data else DigitsDataModule,
            subclass_mode_model=True,
            subclass_mode_data=self.own_data,
            seed_everything_default=0,
            auto_configure_optimizers=False,  # those groups step schedulers per epoch only
            load_from_checkpoint_support=False,  # hparams stay plain: no class names in checkpoints
            save_config_callback=AtomicSaveConfigCallback,
            save_config_kwargs={"save_to_log_dir": False},
            parser_class=Parser,
            parser_kwargs={"prog": f"deepdigits {stage}", "epilog": EPILOGS[stage]},
            args=self.args,
            # Without subcommands LightningCLI neither merges the hyperparameters of a checkpoint
            # over the flags, nor runs anything by itself.
            run=False,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse `args` and leave sys.argv alone; errors in a config become InputError."""
        try:
            self.config = parser.parse_args(args)
        except RecursionError as error:
            raise InputError("a config is nested too deeply") from error
        except UnicodeDecodeError as error:
            raise InputError(f"a config is not UTF-8 text ({error.reason})") from error
        check_values(self.config)  # here: LightningCLI seeds the generators next
        if self.stage == "fit":
            check_top_k(self.config)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add callbacks, logger and options, with their defaults."""
        add_options(parser, self.stage, config_name(self.args))
        add_links(parser, self.own_data, typed_keys(self.args))

    def before_instantiate_classes(self) -> None:
        """Set the values that depend on other settings, and refuse missing devices."""
        use_machine(self.config.num_threads, self.config.matmul_precision)
        self.parser.add_instantiator(loggers.build, Logger)
        settle(self.config, self.stage, self._resumed, self.args)
        # Not put into the config: the saved one must run on any machine.
        self._processes = launched_settings(launched(), self.config.trainer, self.args)
        self._origin = read_origin(self.config) if self.stage == "fit" else None

    def instantiate_classes(self) -> None:
        """Build data, net and Trainer; report a refused value as InputError."""
        try:
            super().instantiate_classes()
            choose_optimizer(self.model, self.config.optimizer, self.config.lr_scheduler)
            self._taken = take_weights(self.model, self._origin) if self._origin else None
        except (ValueError, MisconfigurationException) as error:
            raise InputError(shorten(str(error))) from error
        finally:
            os.chdir(self.working_directory)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the Trainer with the callbacks, loggers and checkpoint IO of the stage."""
        self.model = unshared(self.model)
        settings = {**self.config_init.trainer, **self._processes, **kwargs}
        if self.stage == "fit":
            check_monitors(self.config, self.model)
        paths = CheckpointPaths(
            self.holder, self.config_init.checkpoint, bool(self.config.checkpoint.save_last)
        )
        parts = Parts(self.stage, self.config, self.config_init, self.holder, paths, self.shutdown)
        if self.stage == "fit":
            given = self.config.trainer.logger
            self._loggers = loggers.plan(given, settings["logger"], self._logger_group())
            if not settings["barebones"]:
                settings["logger"] = [one.built for one in self._loggers]
        else:  # an evaluation writes into the folder of the run it evaluates
            settings |= {"logger": False, "enable_checkpointing": False}
        for name in ("checkpoint", "early_stopping"):
            monitor = f"{name}.monitor"
            group, typed = self.config_init[name], has_flag(self.args, monitor)
            group.is_default = group.monitor == DEFAULTS[monitor] and not typed
        settings["plugins"] = plugins(parts, settings, self.model)
        settings["callbacks"] = callbacks(parts, settings)
        if not leaves_run(settings):
            settings["enable_checkpointing"] = False  # ModelCheckpoint would save all the same
        elif self.stage == "fit":
            settings["callbacks"].append(self._save_config())
        settings |= bare(settings)
        try:
            trainer = Trainer(**settings)
        except Exception as error:  # the settings decide which, also one of a missing package
            raise refusal("trainer", error) from error
        wrap_restore_errors(trainer)
        return trainer

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities (N, C) of a prediction, from all processes, in dataset order."""
        probabilities = self.prediction_writer.probabilities
        if probabilities is None:
            name = type(self.model).__name__
            raise InputError(f"predict_step of {name} returns no class probabilities (B, C)")
        return probabilities

    @property
    def prediction_writer(self) -> PredictionWriter:
        """The callback that holds the probabilities of a prediction."""
        return next(c for c in self.trainer.callbacks if isinstance(c, PredictionWriter))  # type: ignore[attr-defined]

    def run(self) -> None:
        """Run the stage, from the checkpoint that the config names."""
        if (what := lacks(self.stage, self.model, self.datamodule)) is not None:
            raise InputError(f"{what}, which `{self.stage}` needs")
        why = why_never_validated(self.config) if self.stage == "fit" and self.leaves_run else None
        if why is not None and self.trainer.is_global_zero:
            say(f"note: {why}", error=True)
        if self._taken is not None and self.trainer.is_global_zero:
            say(self._taken)
        if self.stage == "fit" and self.leaves_run and self.config.num_threads is None:
            self._choose_threads()
        path = self.config.ckpt_path
        common = {"datamodule": self.datamodule, "ckpt_path": path, "weights_only": True}
        if self.stage in ("validate", "test"):
            common["verbose"] = self.config.verbose
        getattr(self.trainer, self.stage)(self.model, **common)

    def test_best(self) -> None:
        """Test the best checkpoint of the fit, else the last; the net as it is without both.

        A net or a data module without a test is left untested, with one line.
        """
        if (what := lacks("test", self.model, self.datamodule)) is not None:
            say(f"note: nothing is tested: {what}", error=True)
            return
        best = self.config_init.checkpoint.best_model_path
        last = checkpoint_folder(self.trainer) / LAST
        path = best or (last if self.holder.run is not None and last.is_file() else None)
        if self.trainer.world_size > 1:  # the first process may still be renaming the last one
            path = self.trainer.strategy.broadcast(path)
        # It would load the weights that are not averaged (Lightning 2.6.6, on_load_checkpoint).
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks[:] = [c for c in callbacks if not isinstance(c, WeightAveraging)]
        self.trainer.test(
            self.model, self.datamodule, ckpt_path=path, verbose=False, weights_only=True
        )

    @contextmanager
    def run_folder_lock(self, tests: bool = False) -> Iterator[None]:
        """A context in which no other training writes into the run folder of this one.

        Args:
            tests: Whether a test follows the training.
        """
        trainer = self.trainer
        if self._processes:
            join(trainer, self.config.peer_timeout)
            if self.stage == "fit" and self.leaves_run:
                self._find_run_of_launch(tests)
        if self.stage != "fit" or not self.leaves_run or not trainer.is_global_zero:
            yield
            return
        parent, version = self._place
        checkpoint = self.config_init.checkpoint
        own = Path(checkpoint.dirpath) if checkpoint.dirpath else None
        is_new = self._resumed is None
        with (
            sole_training(parent, version, self._resumed, own, checkpoint.filename) as folder,
            loggers.closing(self._loggers),
        ):
            self.holder.run = Run(folder)
            trainer.loggers = loggers.placed(self._loggers, folder, is_new)
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                    callback.dirpath = str(folder / CHECKPOINTS)
            yield

    @property
    def leaves_run(self) -> bool:
        """Whether a training leaves a run folder."""
        return leaves_run(self.config.trainer)

    @property
    def run_folder(self) -> Path | None:
        """The folder of the run that is trained or evaluated; None for a dry run."""
        return None if self.holder.run is None else self.holder.run.folder

    @property
    def report_writer(self) -> ReportWriter:
        """The callback that holds the report and the files of an evaluation."""
        return next(c for c in self.trainer.callbacks if isinstance(c, ReportWriter))  # type: ignore[attr-defined]

    @property
    def _resumed(self) -> Path | None:
        """The folder of the run that a training continues."""
        run = self.holder.run if self.stage == "fit" else None
        return None if run is None else run.folder

    @property
    def _place(self) -> tuple[Path, str | None]:
        """The folder of the runs of this config, and the name of a new run in it, if it is set."""
        where = loggers.place(self._loggers, self._logger_group())
        return Path(self._absolute(where.save_dir), where.name), where.version

    def _find_run_of_launch(self, tests: bool) -> None:
        """Go on with the run that was trained before the launcher restarted the processes."""
        self.holder.launch = keys = launch_keys(self.args)
        parent, version = self._place
        folders = [*parent.glob("*/"), *([parent / version] if version else [])]
        folders += [self._resumed] if self._resumed else []
        found = from_first_process(lambda: find_run(folders, keys, tests))
        if found is not None:
            self.holder.run, checkpoint = found
            self.config.ckpt_path = str(checkpoint)
            if self.trainer.is_global_zero:
                say(f"restarted   going on in {display_path(self.holder.run.folder)}")

    def _save_config(self) -> AtomicSaveConfigCallback:
        config = self.config.clone()
        if self._processes:
            for name, value in ONE_PROCESS.items():
                config.trainer[name] = value
        if self._resumed is not None and self.holder.run is not None:
            config.ckpt_path = None  # the saved config runs the whole training again
            forget_copies(config, self.holder.run)
        return AtomicSaveConfigCallback(self.parser, config, **self.save_config_kwargs)

    def _choose_threads(self) -> None:
        """Take the fastest number of threads; the saved config has it, so that a resume has it."""
        chosen = fastest_threads(self.model, self.datamodule, self.trainer)
        if chosen is None:
            return
        torch.set_num_threads(chosen)
        self.config.num_threads = chosen
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, AtomicSaveConfigCallback):
                callback.config.num_threads = chosen

    def _logger_group(self) -> dict[str, Any]:
        """The arguments of the TensorBoardLogger; the saved config keeps its folder as typed."""
        group = self.config.logger.as_dict()
        root = self.config.trainer.default_root_dir if self._resumed is None else None
        folder = os.path.join(root or "", _expanded(group["save_dir"]))
        return {**group, "save_dir": self._absolute(folder)}

    def _absolute(self, folder: str) -> str:
        # A user's class may have changed the working directory.
        return os.path.abspath(os.path.join(self.working_directory, _expanded(folder)))


def _expanded(folder: str) -> str:
    return os.path.expanduser(os.path.expandvars(folder))
