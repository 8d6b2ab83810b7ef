"""LightningCLI for digits: fit, validate, test, predict, and train (= fit, then test the best)."""

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    ModelCheckpoint,
    WeightAveraging,
)
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits.core.errors import DISK, InputError, RunFailed, one_line
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.resolve import LOGS
from deepdigits.training import summary
from deepdigits.training.arguments import EPILOGS, Parser, config_name, expand_run, shorten
from deepdigits.training.callbacks.dashboard import Dashboard
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.callbacks.prediction_writer import AUTO, PredictionWriter
from deepdigits.training.callbacks.progress import Progress
from deepdigits.training.callbacks.relocate_checkpoints import RelocateCheckpoints
from deepdigits.training.callbacks.report_writer import ReportWriter
from deepdigits.training.callbacks.rng_state import RNGStateCheckpoint
from deepdigits.training.callbacks.save_config import AtomicSaveConfigCallback
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite
from deepdigits.training.checkpoint_io import AtomicCheckpointIO, wrap_restore_errors
from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP
from deepdigits.training.message_filters import filtered_messages

NETS = (LitMLP, LitCNN)  # imported classes can be named without their module: --model LitCNN


class DigitsCLI(LightningCLI):
    """Trainer, net, data, checkpoints, early stopping and logger from configs and flags.

    Callbacks and logger are named groups: stacked configs replace lists, but merge mappings.
    """

    def __init__(self, args: Sequence[str], signals: GracefulShutdown | None = None) -> None:
        self.verb = args[0]
        verb = "fit" if self.verb == "train" else self.verb
        self.signals = signals
        self.args = list(args[1:])
        super().__init__(
            LitClassifier,
            DigitsDataModule,
            subclass_mode_model=True,
            seed_everything_default=0,
            auto_configure_optimizers=False,  # those groups step schedulers per epoch only
            load_from_checkpoint_support=False,  # hparams stay plain: no class names in checkpoints
            save_config_callback=AtomicSaveConfigCallback,
            save_config_kwargs={"overwrite": True, "config_filename": "config.part"},
            parser_class=Parser,
            parser_kwargs={verb: {"epilog": EPILOGS[verb]}},
            args=[verb, *self.args],
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the given arguments; those of the shell are none of its business."""
        try:
            self.config = parser.parse_args(args)
        except RecursionError as error:
            raise InputError("a config is nested too deeply: is it one?") from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"a config is no text ({error.reason}): expected YAML in UTF-8 behind -c"
            ) from error

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Only the one that was asked for: building a parser takes a third of a second."""
        verb = "fit" if self.verb == "train" else self.verb
        return {verb: super().subcommands()[verb]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Named groups and their defaults; the one seed; classes of the dataset -> net."""
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(Dashboard, "dashboard")
        parser.add_class_arguments(TensorBoardLogger, "logger")
        parser.add_argument(
            "--ema_decay",
            type=float | None,
            default=None,
            help="Average the weights exponentially with this decay, below 1. null: do not.",
        )
        parser.add_argument(
            "--num_threads",
            type=PositiveInt | None,
            default=None,
            help="CPU threads of each process. Small nets are best off with 1. null: all cores.",
        )
        if self.verb == "predict":
            parser.add_argument(
                "--output",
                type=str | None,
                default=AUTO,
                help="File of the probabilities, .csv or .npz. auto: probabilities.csv in the run "
                "folder. null: none.",
            )
        parser.set_defaults(
            {
                "trainer.devices": 1,
                "trainer.max_epochs": 10,
                "trainer.log_every_n_steps": 20,
                "trainer.enable_model_summary": False,
                "checkpoint.filename": "best",
                "checkpoint.monitor": "val/accuracy",
                "checkpoint.mode": "auto",
                "checkpoint.save_last": True,
                "checkpoint.enable_version_counter": False,
                "checkpoint.save_on_train_epoch_end": True,
                # Under label smoothing the loss is lowest long before the errors are fewest.
                "early_stopping.monitor": "val/accuracy",
                "early_stopping.mode": "auto",
                "early_stopping.patience": 10,
                "logger.save_dir": LOGS,
                "logger.name": config_name(self.args),
                "logger.default_hp_metric": False,
            }
        )
        parser.link_arguments(
            "data.num_classes", "model.init_args.num_classes", apply_on="instantiate"
        )
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def _parse_ckpt_path(self) -> None:
        """Nothing: what is typed wins over what a checkpoint says.

        Lightning would merge the checkpoint's hyper-parameters over the flags here.
        """

    def before_instantiate_classes(self) -> None:
        """Settle what depends on several settings."""
        config = self.config[self.subcommand]
        if config.num_threads is not None:
            torch.set_num_threads(config.num_threads)
        if not torch.cuda.is_available():
            # Else Adam of torch 2.14 looks for a driver in each step, which takes 0.4 ms.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        config.data.seed = int(config.seed_everything)  # by now a number, where it was `true`
        if config.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
            raise InputError(
                f"trainer.accelerator is {config.trainer.accelerator}, but there is no GPU that "
                "torch can use here: pass --trainer.accelerator cpu (or auto)"
            )
        devices = config.trainer.devices
        if isinstance(devices, str) and not re.fullmatch(r"auto|-?\d+|\d+(, *\d+)*,?", devices):
            raise InputError(
                f"trainer.devices is {devices!r}, expected a number, a list such as 0,1 or auto"
            )
        for watch in (config.checkpoint, config.early_stopping):
            if watch.mode == "auto":
                watch.mode = "min" if str(watch.monitor).endswith("loss") else "max"
        if not config.data.val_size:
            config.trainer.limit_val_batches = 0
            config.checkpoint.monitor = None  # nothing to choose by: the last checkpoint is kept
        if self.subcommand == "fit" and config.logger.name is None:
            net = config.model.class_path.rpartition(".")[2]
            config.logger.name = net.removeprefix("Lit").lower()

    def instantiate_classes(self) -> None:
        """Build data, net and trainer; a value that one of them refuses is wrong input."""
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            raise InputError(shorten(str(error))) from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer with the named callbacks; with the run's logger where something is trained."""
        config, init = self.config[self.subcommand], self.config_init[self.subcommand]
        settings = {**init.trainer, **kwargs}
        callbacks: list[Any] = [ReportWriter()]
        plugins = settings["plugins"] or []
        plugins = plugins if isinstance(plugins, list) else [plugins]
        settings["plugins"] = [*plugins, AtomicCheckpointIO(self.model)]
        if settings["enable_progress_bar"] is not False:
            callbacks.append(Progress())
        if self.subcommand == "predict":
            callbacks.append(PredictionWriter(config.output))
        if self.subcommand != "fit":  # nothing to save: a test writes into the run that it tests
            settings |= {"logger": False, "enable_checkpointing": False}
            self.save_config_callback = None
            return self._instantiate_trainer(settings, callbacks)
        if settings["logger"] in (None, True):
            settings["logger"] = init.logger
        callbacks += [init.dashboard, StopOnNonFinite()]
        if settings["fast_dev_run"]:
            settings["enable_checkpointing"] = False  # ModelCheckpoint would save all the same
        else:
            callbacks += [init.checkpoint, RelocateCheckpoints(), *self._what_resumes(init)]
        if config.data.val_size:
            callbacks.append(init.early_stopping)
        if config.ema_decay is not None:
            callbacks.append(EMAWeightAveraging(decay=config.ema_decay))
        return self._instantiate_trainer(settings, callbacks)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        signals = [] if self.signals is None else [self.signals]
        try:
            trainer: Trainer = super()._instantiate_trainer(config, [*callbacks, *signals])
        except TypeError as error:  # such as devices that are no number
            raise InputError(f"trainer: {shorten(str(error))}") from error
        wrap_restore_errors(trainer)
        return trainer

    def _what_resumes(self, init: Any) -> list[Callback]:
        """The callbacks that write what a run goes on from."""
        if not init.checkpoint.save_last:
            return []
        init.checkpoint.save_last = False  # it would skip the epochs that are not the best so far
        if self.signals is not None:
            self.signals.last_checkpoint = init.last_checkpoint
        return [RNGStateCheckpoint(), init.last_checkpoint]

    def test_best(self) -> None:
        """Test the best checkpoint of the fit (in a dry run, which has none, the net as it is)."""
        best = getattr(self.trainer.checkpoint_callback, "best_model_path", "") or None
        # It would load the weights that are not averaged (Lightning 2.6.6, on_load_checkpoint).
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks[:] = [c for c in callbacks if not isinstance(c, WeightAveraging)]
        self.trainer.test(self.model, self.datamodule, ckpt_path=best, verbose=False)

    def report_writer(self) -> ReportWriter:
        """The callback that holds the report after a test."""
        return next(c for c in self.trainer.callbacks if isinstance(c, ReportWriter))  # type: ignore[attr-defined]


def main(args: Sequence[str] | None = None) -> DigitsCLI:
    """Run one of Lightning's verbs, or ``train``.

    Args:
        args: The verb and its options. None: those of the shell.

    Returns:
        The CLI, with its trainer, model and datamodule.

    Raises:
        InputError: A flag, a config or a file that they name is wrong.
        RunFailed: The disk is full, or a loss not finite.
        Interrupted: A signal asked to stop.
    """
    args = list(sys.argv[1:] if args is None else args)
    sys.path.append(os.getcwd())  # nets of the user's own; at the end, where they hide no package
    try:
        with filtered_messages(), GracefulShutdown(args[0]) as signals:
            cli = DigitsCLI(expand_run(args), signals)
            signals.check()
            if args[0] == "train":
                cli.test_best()
    except MisconfigurationException as error:
        raise InputError(one_line(error)) from error
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise RunFailed(f"the run stopped: {one_line(error)}") from error
    except RuntimeError as error:
        if not re.search("gloo|nccl|connection (closed|reset)", str(error), re.I):
            raise
        raise RunFailed(
            "another process of this run has ended, so this one stops too; go on with "
            "`deepdigits train --resume latest`"
        ) from error
    finally:
        sys.path.remove(os.getcwd())
    report_writer = cli.report_writer()
    if report_writer.report is not None:
        summary.show(
            report_writer.report, {**report_writer.files, "checkpoint": cli.trainer.ckpt_path}
        )
        if cli.verb == "train" and report_writer.files:
            summary.show_next(report_writer.files["report"].parent)
    return cli
