"""Build data, net and Trainer from configs and flags, with LightningCLI."""

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.own_nets import unshared
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.prediction_writer import PredictionWriter
from deepdigits.training.callbacks.progress import Progress
from deepdigits.training.callbacks.relocate_checkpoints import RelocateCheckpoints
from deepdigits.training.callbacks.report_writer import ReportWriter
from deepdigits.training.callbacks.rng_state import RNGStateCheckpoint
from deepdigits.training.callbacks.save_config import AtomicSaveConfigCallback
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite
from deepdigits.training.checkpoint_io import AtomicCheckpointIO, wrap_restore_errors
from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP
from deepdigits.training.config_flags import config_name
from deepdigits.training.options import Stage, add_options
from deepdigits.training.parser import EPILOGS, Parser, leave_out_objects, shorten
from deepdigits.training.processes import PeerTimeout
from deepdigits.training.run_folder import logger_settings, sole_training
from deepdigits.training.strategy import check_strategy

SHORT_NAMES = (LitMLP, LitCNN)  # imported, so that `--model LitCNN` needs no module


class DigitsCLI(LightningCLI):
    """Parse a config and build its data, net and Trainer; :meth:`run` runs them.

    Callbacks and logger are named groups: stacked configs merge mappings, but replace lists.

    Args:
        stage: The Trainer method to run.
        args: Configs and flags.
        folder: The run folder in which a training continues. None: a new one.
        shutdown: The callback that stops the run on a signal. None: signals stay as they are.

    Raises:
        InputError: A flag or a config is wrong, or a class refuses a value.
    """

    def __init__(
        self,
        stage: Stage,
        args: Sequence[str],
        folder: Path | None = None,
        shutdown: GracefulShutdown | None = None,
    ) -> None:
        self.stage = stage
        self.args = list(args)
        self.folder = folder
        self.shutdown = shutdown
        self.working_directory = os.getcwd()
        super().__init__(
            LitClassifier,
            DigitsDataModule,
            subclass_mode_model=True,
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

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add callbacks, logger and options, with their defaults."""
        add_options(parser, self.stage, config_name(self.args))

    def before_instantiate_classes(self) -> None:
        """Set the values that depend on other settings, and refuse missing devices."""
        config = self.config
        if config.num_threads is not None:
            torch.set_num_threads(config.num_threads)
        if not torch.cuda.is_available():
            # Else Adam of torch 2.14 looks for a driver in each step, which takes 0.4 ms.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        leave_out_objects(self.parser, config)
        config.data.seed = int(config.seed_everything)  # now a number, also where it was `true`
        _check_devices(config.trainer.accelerator, config.trainer.devices)
        check_strategy(config.trainer.strategy)
        for group in (config.checkpoint, config.early_stopping):
            if group.mode == "auto":
                group.mode = "min" if str(group.monitor).endswith("loss") else "max"
        if not config.data.val_size:
            config.trainer.limit_val_batches = 0
            config.checkpoint.monitor = None  # no validation: keep the last checkpoint
        if self.folder is not None:
            for key, value in logger_settings(self.folder).items():
                setattr(config.logger, key, value)
        if self.stage == "fit" and config.logger.name is None:
            class_name = config.model.class_path.rpartition(".")[2]
            config.logger.name = class_name.removeprefix("Lit").lower()

    def instantiate_classes(self) -> None:
        """Build data, net and Trainer; report a refused value as InputError."""
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            raise InputError(shorten(str(error))) from error
        finally:
            os.chdir(self.working_directory)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the Trainer with the callbacks, logger and checkpoint IO of the stage."""
        self.model = unshared(self.model)
        settings = {**self.config_init.trainer, **kwargs}
        settings["plugins"] = [*_as_list(settings["plugins"]), AtomicCheckpointIO(self.model)]
        if self.stage != "fit":  # an evaluation writes into the folder of the run it evaluates
            settings |= {"logger": False, "enable_checkpointing": False}
        elif settings["logger"] in (None, True):
            # Not the one that the parser has built: it takes a version of "7" for a number.
            settings["logger"] = TensorBoardLogger(**self._logger_settings())
        if settings["fast_dev_run"]:
            settings["enable_checkpointing"] = False  # ModelCheckpoint would save all the same
        callbacks = self._common_callbacks(settings)
        if self.stage == "fit":
            callbacks += self._fit_callbacks(settings)
        if self.shutdown is not None:
            callbacks.append(self.shutdown)
        if self.stage == "fit" and not settings["fast_dev_run"]:
            save = AtomicSaveConfigCallback(self.parser, self.config, **self.save_config_kwargs)
            callbacks.append(save)
        settings["callbacks"] = [*_as_list(settings["callbacks"]), *callbacks]
        try:
            trainer = Trainer(**settings)
        except TypeError as error:  # such as devices that are no number
            raise InputError(f"trainer: {shorten(str(error))}") from error
        wrap_restore_errors(trainer)
        return trainer

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities (N, C) of a prediction, from all processes, in dataset order."""
        writer = next(c for c in self.trainer.callbacks if isinstance(c, PredictionWriter))  # type: ignore[attr-defined]
        assert writer.probabilities is not None
        return writer.probabilities

    def run(self) -> None:
        """Run the stage, from the checkpoint that the config names."""
        path = self.config.ckpt_path
        common = {"datamodule": self.datamodule, "ckpt_path": path, "weights_only": True}
        if self.stage in ("validate", "test"):
            common["verbose"] = self.config.verbose
        getattr(self.trainer, self.stage)(self.model, **common)

    def test_best(self) -> None:
        """Test the best checkpoint of the fit; the net as it is, if nothing was saved."""
        best = getattr(self.trainer.checkpoint_callback, "best_model_path", "") or None
        # It would load the weights that are not averaged (Lightning 2.6.6, on_load_checkpoint).
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks[:] = [c for c in callbacks if not isinstance(c, WeightAveraging)]
        self.trainer.test(
            self.model, self.datamodule, ckpt_path=best, verbose=False, weights_only=True
        )

    def run_folder_lock(self) -> AbstractContextManager[None]:
        """A context in which no other training writes into the run folder of this one."""
        if self.stage != "fit" or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return nullcontext()
        return sole_training(self.trainer, self._logger_settings())

    @property
    def run_folder(self) -> Path | None:
        """The folder that a fit writes to; None for a dry run."""
        folder = self.trainer.log_dir if self.trainer.logger is not None else None
        return Path(folder) if folder else None

    @property
    def report_writer(self) -> ReportWriter:
        """The callback that holds the report and the files of an evaluation."""
        return next(c for c in self.trainer.callbacks if isinstance(c, ReportWriter))  # type: ignore[attr-defined]

    def _logger_settings(self) -> dict[str, Any]:
        # An absolute folder: a user's class may change the working directory. The saved config
        # keeps the folder as typed.
        folder = os.path.join(self.working_directory, self.config.logger.save_dir)
        return {**self.config.logger.as_dict(), "save_dir": os.path.abspath(folder)}

    def _common_callbacks(self, settings: dict[str, Any]) -> list[Callback]:
        """The callbacks of every stage."""
        callbacks: list[Callback] = [PeerTimeout(self.config.peer_timeout), ReportWriter()]
        if settings["enable_progress_bar"] is not False:
            callbacks.append(Progress())
        if self.stage == "predict":
            callbacks.append(PredictionWriter(self.config.output))
        return callbacks

    def _fit_callbacks(self, settings: dict[str, Any]) -> list[Callback]:
        """The callbacks of a training: dashboard, checkpoints, early stopping, averaging."""
        groups = self.config_init
        callbacks: list[Callback] = [groups.dashboard, StopOnNonFinite()]
        if not settings["fast_dev_run"]:
            callbacks += [groups.checkpoint, RelocateCheckpoints(), *self._resume_callbacks()]
        if self.config.data.val_size:
            callbacks.append(groups.early_stopping)
        if self.config.ema_decay is not None:
            callbacks.append(EMAWeightAveraging(decay=self.config.ema_decay))
        return callbacks

    def _resume_callbacks(self) -> list[Callback]:
        """The callbacks that write what a run is resumed from."""
        groups = self.config_init
        if not groups.checkpoint.save_last:
            return []
        groups.checkpoint.save_last = False  # it skips the epochs that are not the best so far
        if self.shutdown is not None:
            self.shutdown.last_checkpoint = groups.last_checkpoint
        return [RNGStateCheckpoint(), groups.last_checkpoint]


def _check_devices(accelerator: Any, devices: Any) -> None:
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator is {accelerator}, but torch finds no GPU: pass "
            "--trainer.accelerator cpu (or auto)"
        )
    if isinstance(devices, str) and not re.fullmatch(r"auto|-?\d+|\d+(, *\d+)*,?", devices):
        raise InputError(
            f"trainer.devices is {devices!r}, expected a number, a list such as 0,1 or auto"
        )


def _as_list(value: Any) -> list[Any]:
    """A setting of the Trainer that takes one value, several or none."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
