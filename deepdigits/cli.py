"""LightningCLI for digits: fit, validate, test, predict, and train (= fit, then test the best)."""

import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import torch
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

from deepdigits import runs
from deepdigits.callbacks.artifacts import Artifacts
from deepdigits.callbacks.dashboard import Dashboard
from deepdigits.classifier import LitClassifier, LitCNN, LitMLP
from deepdigits.data.module import DigitsDataModule
from deepdigits.errors import InputError

NETS = (LitMLP, LitCNN)  # imported classes can be named without their module: --model LitCNN


class Parser(LightningArgumentParser):
    """A parser whose errors are :class:`InputError`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A flag that is cut short would be taken for the first that begins so.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as one line."""
        line = shorten(message)
        if re.search(r"required: \w+\.model|^model: .*(import path|class_path)", line, re.I):
            line += " (a net is LitMLP, LitCNN or module.Class of your own: see configs/cnn.yaml)"
        raise InputError(line) from ex


class DigitsCLI(LightningCLI):
    """Trainer, net, data, checkpoints, early stopping and logger from configs and flags.

    Callbacks and logger are named groups: stacked configs replace lists, but merge mappings.
    """

    def __init__(self, args: Sequence[str]) -> None:
        self.verb = args[0]
        self.args = list(args[1:])
        super().__init__(
            LitClassifier,
            DigitsDataModule,
            subclass_mode_model=True,
            seed_everything_default=0,
            auto_configure_optimizers=False,  # those groups step schedulers per epoch only
            load_from_checkpoint_support=False,  # hparams stay plain: no class names in checkpoints
            save_config_kwargs={"overwrite": True},
            parser_class=Parser,
            args=["fit" if self.verb == "train" else self.verb, *self.args],
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the given arguments; those of the shell are none of its business."""
        self.config = parser.parse_args(args)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Only the one that was asked for: building a parser takes a third of a second."""
        verb = "fit" if self.verb == "train" else self.verb
        return {verb: super().subcommands()[verb]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Named groups and their defaults; the one seed; classes of the dataset -> net."""
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_class_arguments(TensorBoardLogger, "logger")
        parser.add_argument(
            "--ema_decay",
            type=float | None,
            default=None,
            help="Average the weights exponentially with this decay, below 1. null: do not.",
        )
        parser.set_defaults(
            {
                "trainer.devices": 1,
                "trainer.max_epochs": 10,
                "trainer.log_every_n_steps": 20,
                "trainer.enable_model_summary": False,
                "checkpoint.filename": "best",
                "checkpoint.monitor": "val/accuracy",
                "checkpoint.mode": "max",
                "checkpoint.save_last": True,
                "checkpoint.enable_version_counter": False,
                "early_stopping.monitor": "val/loss",
                "early_stopping.patience": 10,
                "logger.save_dir": runs.LOGS,
                "logger.name": _config_name(self.args),
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
        config.data.seed = int(config.seed_everything)  # by now a number, where it was `true`
        if config.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
            raise InputError(
                f"trainer.accelerator is {config.trainer.accelerator}, but there is no GPU that "
                "torch can use here: pass --trainer.accelerator cpu (or auto)"
            )
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
        if self.subcommand != "fit":  # nothing to save: a test writes into the run that it tests
            settings |= {"logger": False, "enable_checkpointing": False}
            self.save_config_callback = None
            return self._instantiate_trainer(settings, [Artifacts()])
        if settings["logger"] in (None, True):
            settings["logger"] = init.logger
        callbacks = [Dashboard(), Artifacts()]
        if settings["fast_dev_run"]:
            settings["enable_checkpointing"] = False  # ModelCheckpoint would save all the same
        else:
            callbacks.append(init.checkpoint)
        if config.data.val_size:
            callbacks.append(init.early_stopping)
        if config.ema_decay is not None:
            callbacks.append(EMAWeightAveraging(decay=config.ema_decay))
        return self._instantiate_trainer(settings, callbacks)

    def test_best(self) -> None:
        """Test the best checkpoint of the fit (in a dry run, which has none, the net as it is)."""
        best = getattr(self.trainer.checkpoint_callback, "best_model_path", "") or None
        # It would load the weights that are not averaged (Lightning 2.6.6, on_load_checkpoint).
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        callbacks[:] = [c for c in callbacks if not isinstance(c, WeightAveraging)]
        self.trainer.test(self.model, self.datamodule, ckpt_path=best, verbose=False)

    def artifacts(self) -> Artifacts:
        """The callback that holds the report after a test."""
        return next(c for c in self.trainer.callbacks if isinstance(c, Artifacts))  # type: ignore[attr-defined]


def main(args: Sequence[str] | None = None) -> DigitsCLI:
    """Run one of Lightning's verbs, or ``train``.

    Args:
        args: The verb and its options. None: those of the shell.

    Returns:
        The CLI, with its trainer, model and datamodule.

    Raises:
        InputError: A flag, a config or a file that they name is wrong.
    """
    args = list(sys.argv[1:] if args is None else args)
    _quiet()
    sys.path.append(os.getcwd())  # nets of the user's own; at the end, where they hide no package
    try:
        cli = DigitsCLI(_with_run_config(args))
        if args[0] == "train":
            cli.test_best()
    except MisconfigurationException as error:
        raise InputError(runs.one_line(error)) from error
    finally:
        sys.path.remove(os.getcwd())
    if cli.artifacts().report is not None:
        print_summary(cli)
    return cli


def print_summary(cli: DigitsCLI) -> None:
    """Print the report of the test and where everything is."""
    artifacts = cli.artifacts()
    report = artifacts.report
    assert report is not None
    print(report.to_markdown())
    print(f"\naccuracy {report.accuracy:.2%}, {report.errors} errors in {report.num_samples}")
    for what, path in (("report", artifacts.report_file), ("checkpoint", cli.trainer.ckpt_path)):
        if path:
            print(f"{what:<10} {os.path.relpath(path)}")


def _with_run_config(args: list[str]) -> list[str]:
    """Give validate, test and predict the config of the run that their checkpoint belongs to.

    Flags and further configs stand behind it, so that they win.
    """
    verb, *rest = args
    if verb in ("train", "fit") or any(re.match(r"-h$|--(\S+\.)?help", word) for word in rest):
        return args
    for place, word in enumerate(rest):
        option, equals, value = word.partition("=")
        if option == "--ckpt_path" and (equals or place + 1 < len(rest)):
            run = runs.find(value if equals else rest[place + 1])
            end = place + 1 if equals else place + 2
            others = rest[:place] + rest[end:]
            config, checkpoint = str(run.config_file), str(run.checkpoint)
            return [verb, "--config", config, *others, "--ckpt_path", checkpoint, *_calm(verb)]
    raise InputError(
        f"{verb} needs a trained net: pass --ckpt_path RUN, where RUN is a run folder, "
        "a checkpoint in one, or `latest`"
    )


def _calm(verb: str) -> list[str]:
    """Leave out Lightning's own table of metrics: the report has them."""
    return [] if verb == "predict" else ["--verbose=false"]


def shorten(message: str) -> str:
    r"""The part of a parser's message that the user can act on, on one line.

    >>> shorten("Parser key \"data.val_size\": Expected a <class 'int'>. Got value: abc")
    'data.val_size: Expected int. Got value: abc'
    """
    message = runs.one_line(ValueError(message))
    # Of a union's branches the first is what was meant; the other is null.
    if (errors := message.partition("Errors: - "))[1]:
        key = message.partition(":")[0] + ": " if message.startswith("Parser key") else ""
        message = key + errors[2].partition(" - Expected a <class")[0]
    message = re.sub(r"a <class '(?:\w+\.)*(\w+)'>", r"\1", message)
    message = re.sub(r"a typing\.Literal\[(.*?)\]", r"one of \1", message)
    return re.sub(r'Parser key "([^"]*)"', r"\1", message)


def _config_name(args: Sequence[str]) -> str | None:
    """Stem of the first config: the name of the run."""
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in ("-c", "--config"):
            return Path(value if equals else following).stem
    return None


def _quiet() -> None:
    """Keep out what no user of this program can act on."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not re.search("litlogger|litmodels", record.getMessage())  # advertisements
    )
    # A test needs none of the callbacks of the training.
    warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint.*")
    # The loader works in memory: workers would only slow it down.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # Lightning 2.6.6 calls what torch 2.14 and jsonargparse 4.5x deprecate.
    warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="jsonargparse")
